import pytest
import torch
from golden import chirp, golden

from manyviews.losses import barlow_twins

GOLDEN = golden("swav_barlow")["barlow"]["B1_single_rank"]
Z1 = chirp((16, 12), 0.011, 0.37, 0.25)
Z2 = 0.8 * Z1 + 0.6 * chirp((16, 12), 0.017, 0.91, 1.5)


@pytest.mark.parametrize(
    ("dtype", "name", "tolerance"),
    [(torch.float64, "float64", 1e-7), (torch.float32, "float32", 2e-5)],
)
def test_loss_and_gradients_equal_the_official_code(dtype, name, tolerance):
    z1, z2 = (z.to(dtype).clone().requires_grad_() for z in (Z1, Z2))
    loss = sum(barlow_twins(z1, z2, redundancy_weight=0.0051))
    loss.backward()
    found = [float(x.detach()) for x in (loss, z1.grad.norm(), z2.grad.norm())]
    expected = [GOLDEN[name][k] for k in ("loss", "gradnorm_z1", "gradnorm_z2")]
    assert found == pytest.approx(expected, rel=tolerance)


def test_parts_equal_the_official_code():
    parts = barlow_twins(Z1, Z2, redundancy_weight=1.0)
    expected = [GOLDEN["float64"][k] for k in ("on_diag", "off_diag_unweighted")]
    assert [float(p) for p in parts] == pytest.approx(expected, rel=1e-7)


def by_definition(z1, z2):
    n1, n2 = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (z1, z2))
    c = n1.mT @ n2 / len(z1)
    off = c - torch.diag(c.diagonal())
    return (c.diagonal() - 1).square().sum(), 0.005 * off.square().sum()


@pytest.mark.parametrize("transposed", [False, True])  # 16 x 12; 12 x 16 takes the Gram form
def test_both_forms_give_the_value_and_gradient_of_the_definition(transposed):
    results = []
    for loss in (lambda a, b: barlow_twins(a, b, redundancy_weight=0.005), by_definition):
        z1, z2 = ((z.mT if transposed else z).clone().requires_grad_() for z in (Z1, Z2))
        parts = loss(z1, z2)
        sum(parts).backward()
        results.append([*(p.detach() for p in parts), z1.grad, z2.grad])
    for ours, definition in zip(*results, strict=True):
        torch.testing.assert_close(ours, definition, rtol=1e-10, atol=1e-12)


def test_total_collapse_costs_one_per_column_and_keeps_a_finite_gradient():
    z1, z2 = (torch.ones(8, 5, requires_grad=True) for _ in range(2))
    parts = barlow_twins(z1, z2, redundancy_weight=0.005)
    sum(parts).backward()
    assert [float(p.detach()) for p in parts] == [5.0, 0.0]
    assert z1.grad.isfinite().all() and z2.grad.isfinite().all()


def test_gradient_is_that_of_finite_differences():
    z1, z2 = (z[:5, :3].clone().requires_grad_() for z in (Z1, Z2))
    assert torch.autograd.gradcheck(
        lambda a, b: sum(barlow_twins(a, b, redundancy_weight=0.005)), (z1, z2)
    )


def test_paper_statistics_and_gradient_scale_equal_the_official_code_on_two_ranks(ranks):
    expected = golden("swav_barlow")["barlow"]["B2_two_ranks_localBN"]
    for rank, found in enumerate(ranks(2)("on_ranks.official_barlow_shares")):
        keys = ["loss", f"gradnorm_z1_rank{rank}", f"gradnorm_z2_rank{rank}"]
        assert found == pytest.approx([expected[k] for k in keys], rel=1e-7)
