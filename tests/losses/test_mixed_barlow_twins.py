import pytest
import torch
from golden import chirp, golden
from torch.nn import functional as F

from manyviews.losses import mixup_redundancy, unbiased_barlow_twins

GOLDEN = golden("swav_barlow")["mixed_bt"]
SHARE, ORDER = 0.35, (5 * torch.arange(16) + 3) % 16


def projections(dtype=torch.float64, unit=False):
    """The golden network on both views and their mixture, and its leaf."""
    y1 = chirp((16, 10), 0.019, 0.43, 0.7).to(dtype)
    y2 = 0.9 * y1 + 0.5 * chirp((16, 10), 0.023, 0.77, 1.1).to(dtype)
    a = chirp((12, 10), 0.029, 0.61, 0.15).to(dtype).requires_grad_()
    mixed = SHARE * y1 + (1 - SHARE) * y2[ORDER]
    outputs = [torch.tanh(y @ a.mT) for y in (y1, y2, mixed)]
    return [F.normalize(z, dim=1) if unit else z for z in outputs], a


@pytest.mark.parametrize(
    ("dtype", "name", "tolerance"),
    [(torch.float64, "float64", 1e-7), (torch.float32, "float32", 2e-5)],
)
def test_small_data_code(dtype, name, tolerance):
    (z1, z2, mixed), a = projections(dtype, unit=True)
    parts = unbiased_barlow_twins(z1, z2, redundancy_weight=1 / 128)
    mix = 4 / 128 * mixup_redundancy(z1, z2, mixed, SHARE, ORDER)
    (sum(parts) + mix).backward()
    found = [float(x.detach()) for x in (sum(parts), mix, a.grad.norm())]
    keys = ["loss_bt", "loss_mix", "gradnorm_A"]
    expected = [GOLDEN["M1_small_mix"][name][k] for k in keys]
    assert found == pytest.approx(expected, rel=tolerance)


def test_without_mixture_it_is_the_unbiased_barlow_twins():
    (z1, z2, _), a = projections(unit=True)
    loss = sum(unbiased_barlow_twins(z1, z2, redundancy_weight=1 / 128))
    loss.backward()
    expected = GOLDEN["M0_small_no_mix"]["float64"]
    assert float(loss.detach()) == pytest.approx(expected["loss_bt"], rel=1e-7)
    assert float(a.grad.norm()) == pytest.approx(expected["gradnorm_A"], rel=1e-7)


@pytest.mark.parametrize(
    ("compat", "block", "norm"),
    [
        (True, "M2_imagenet_mix", "gradnorm_A_rank"),
        (False, "M2b_imagenet_with_paper_target", "gradnorm_A"),
    ],
)
def test_imagenet_code_and_the_papers_target(compat, block, norm):
    (z1, z2, mixed), a = projections()
    parts = unbiased_barlow_twins(z1, z2, redundancy_weight=0.0051)
    mix = 0.5 * 0.0051 * mixup_redundancy(z1, z2, mixed, SHARE, ORDER, imagenet_compat=compat)
    (sum(parts) + mix).backward()
    found = [float(x.detach()) for x in (sum(parts), mix, a.grad.norm())]
    expected = [GOLDEN[block]["float64"][k] for k in ("loss_bt", "loss_reg", norm)]
    assert found == pytest.approx(expected, rel=1e-7)


def by_definition(z1, z2, mixed):
    """Return the two correlations and their targets as in eq. 3-6."""
    z1, z2, m = ((z - z.mean(0)) / z.std(0) for z in (z1, z2, mixed))
    n = len(z1)
    g1 = (SHARE * z1.mT @ z1 + (1 - SHARE) * z2[ORDER].mT @ z1) / n
    g2 = (SHARE * z1.mT @ z2 + (1 - SHARE) * z2[ORDER].mT @ z2) / n
    return (m.mT @ z1 / n - g1).square().sum() + (m.mT @ z2 / n - g2).square().sum()


@pytest.mark.parametrize("columns", [12, 40])  # 16 rows: the matrix form, then the Gram form
def test_both_forms_of_the_residual_are_the_definition(columns):
    z = [chirp((16, columns), 0.013 + 0.01 * i, 0.3 + i, i) for i in range(3)]
    ours, theirs = ([x.clone().requires_grad_() for x in z] for _ in range(2))
    values = mixup_redundancy(*ours, SHARE, ORDER), by_definition(*theirs)
    for value in values:
        value.backward()
    torch.testing.assert_close(values[0], values[1], rtol=1e-8, atol=0)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-7, atol=1e-9)


def test_a_dead_column_keeps_a_finite_gradient():
    (z1, z2, mixed), _ = projections()
    dead = [torch.cat([z.detach(), torch.ones(16, 1)], 1).requires_grad_() for z in (z1, z2, mixed)]
    mixup_redundancy(*dead, SHARE, ORDER).backward()
    assert all(z.grad.isfinite().all() for z in dead)


def test_two_ranks_of_the_imagenet_code(ranks):
    expected = GOLDEN["M3_imagenet_two_ranks"]
    found = ranks(2)("on_ranks.official_mixed_shares")
    for rank, (bt, mix, norm, mean) in enumerate(found):
        keys = ["loss_bt", "loss_reg", f"gradnorm_A_rank{rank}", "gradnorm_A_ddp_mean"]
        assert [bt, mix, norm, mean] == pytest.approx([expected[k] for k in keys], rel=1e-7)
