import pytest
import torch
from golden import chirp
from torch.nn import functional as F

from manyviews.losses import vicreg


def by_definition(z1, z2):
    """Return the parts by eq. 1-6, with the covariances as matrices."""
    parts = [25 * F.mse_loss(z1, z2), 0.0, 0.0]
    for z in (z1, z2):
        covariance = torch.cov(z.mT)
        deviation = (covariance.diagonal() + 1e-4).sqrt()
        parts[1] = parts[1] + 25 * F.relu(1 - deviation).mean() / 2
        off = covariance - torch.diag(covariance.diagonal())
        parts[2] = parts[2] + off.square().sum() / z.shape[1]
    return parts


@pytest.mark.parametrize("columns", [6, 40])  # 12 rows: the matrix form, then the Gram form
def test_both_forms_are_the_definition(columns):
    z = [chirp((12, columns), 0.011, 0.37, 0.25), 0.7 * chirp((12, columns), 0.017, 0.91, 1.5)]
    ours, theirs = ([x.clone().requires_grad_() for x in z] for _ in range(2))
    found, expected = vicreg(*ours), by_definition(*theirs)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    sum(found).backward()
    sum(expected).backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12)


def test_collapse_costs_the_variance_weight_and_keeps_a_finite_gradient():
    z = torch.ones(8, 4, requires_grad=True)
    parts = vicreg(z, z.clone())
    sum(parts).backward()
    assert [float(p.detach()) for p in parts] == pytest.approx([0, 25 * 0.99, 0])
    assert z.grad.isfinite().all()
