import pytest
import torch
from golden import golden

from manyviews.losses import TiCoLoss

GOLDEN = golden("tico_vne_hydra")["tico"]["results"]


def inputs(step):
    k = torch.arange(30, dtype=torch.float64).view(6, 5)
    return ((0.37 * k + 0.2 + step).sin().requires_grad_(),
            (0.53 * k - 0.4 + step).cos().requires_grad_())  # fmt: skip


@pytest.mark.parametrize(
    ("block", "rho", "detach"),
    [
        ("lightly_head_B_detached_rho8", 8.0, True),
        ("lightly_head_B_detached_rho20", 20.0, True),
        ("lightly_deb3c316_B_with_grad_rho8", 8.0, False),
        ("lightly_deb3c316_B_with_grad_rho20", 20.0, False),
    ],
)
def test_loss_gradient_and_memory_equal_the_reference_code(block, rho, detach):
    loss = TiCoLoss(5, beta=0.9, rho=rho, detach_batch=detach).double()
    for expected in GOLDEN[block]:
        z, target = inputs(expected["step"])
        value = sum(loss(z, target))
        value.backward()
        found = [value.detach(), z.grad.norm(), loss.covariance.trace(), loss.covariance.norm()]
        keys = ["loss", "grad_norm_za", "trace_C", "fro_C"]
        assert list(map(float, found)) == pytest.approx([expected[k] for k in keys], rel=1e-7)
        assert target.grad is None


def test_a_batch_that_is_not_remembered_still_counts_in_its_own_loss():
    loss = TiCoLoss(5, rho=8.0).double()
    loss(*inputs(0))
    before = loss.covariance.clone()
    value = sum(loss(*inputs(1), remember=False)).detach()
    assert float(value) == pytest.approx(
        GOLDEN["lightly_head_rho8_step1_no_update"]["loss"], rel=1e-7
    )
    assert torch.equal(loss.covariance, before)


def test_total_collapse_costs_rho_once_the_memory_is_warm():
    loss, z = TiCoLoss(3, rho=8.0), torch.ones(4, 3)
    values = [float(sum(loss(z, z))) for _ in range(60)]
    expected = GOLDEN["collapsed_embeddings_rho8"]
    assert [values[i] for i in (0, 9, 59)] == pytest.approx(
        [expected[f"step{i}"] for i in (0, 9, 59)], rel=1e-5
    )


def test_half_precision_does_not_reach_the_memory():
    loss = TiCoLoss(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = loss(*(z.detach().bfloat16() for z in inputs(0)))
    assert parts.contrast.dtype == loss.covariance.dtype == torch.float32
    assert float(loss.covariance.trace()) == pytest.approx(0.1, rel=1e-5)


def test_gradient_is_that_of_finite_differences():
    loss = TiCoLoss(5, detach_batch=False).double()
    assert torch.autograd.gradcheck(
        lambda z: sum(loss(z, inputs(0)[1], remember=False)), inputs(0)[:1]
    )
