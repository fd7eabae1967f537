import pytest
import torch
from golden import chirp, golden

from manyviews.losses import barlow_twins
from manyviews.losses.barlow_twins import _gram_energy, _matrix_energy

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


def test_gram_form_equals_the_matrix_form_in_value_and_gradient():
    grams, matrices = [], []
    for energy, kept in ((_gram_energy, grams), (_matrix_energy, matrices)):
        z1, z2 = (z.clone().requires_grad_() for z in (Z1, Z2))
        value = energy(z1, z2)
        value.backward()
        kept += [value.detach(), z1.grad, z2.grad]
    for gram, matrix in zip(grams, matrices, strict=True):
        torch.testing.assert_close(gram, matrix, rtol=1e-12, atol=1e-12)


def test_few_rows_of_many_columns_give_what_the_definition_gives():
    z1, z2 = Z1.mT, Z2.mT  # 12 rows, 16 columns: the Gram form
    n1, n2 = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (z1, z2))
    c = n1.mT @ n2 / len(z1)
    off = c - torch.diag(c.diagonal())
    expected = [float((c.diagonal() - 1).square().sum()), float(0.005 * off.square().sum())]
    found = barlow_twins(z1, z2, redundancy_weight=0.005)
    assert [float(p) for p in found] == pytest.approx(expected, rel=1e-10)


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
