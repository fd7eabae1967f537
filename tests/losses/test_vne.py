import math

import pytest
import torch
from golden import golden

from manyviews.losses import von_neumann_entropy

RESULTS = golden("tico_vne_hydra")["vne"]["results"]


def reference_input(n, d):
    k = torch.arange(n * d, dtype=torch.float64).view(n, d)
    i, j = torch.arange(n).double()[:, None], torch.arange(d).double()[None]
    waves = torch.sin(0.91 * k + 0.3) + 0.5 * torch.cos(2.3 * k + 1.1)
    return waves + 0.25 * torch.cos(i**2) * torch.sin(1.7 * j**2)


@pytest.mark.parametrize("case", RESULTS)
def test_value_and_gradient_equal_the_official_code(case):
    n, d = (int(part[1:]) for part in case.split("_"))
    h = reference_input(n, d).requires_grad_()
    entropy = von_neumann_entropy(h)
    entropy.backward()
    expected = [RESULTS[case]["S_official_svd"], RESULTS[case]["grad_norm"]]
    assert [float(entropy.detach()), float(h.grad.norm())] == pytest.approx(expected, rel=1e-6)


def test_orthogonal_rows_reach_the_maximum_and_equal_rows_the_minimum():
    assert float(von_neumann_entropy(torch.eye(6))) == pytest.approx(math.log(6))
    assert float(von_neumann_entropy(torch.ones(6, 6))) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4)])
def test_gradient_is_finite_at_collapse(shape):
    h = torch.ones(shape, requires_grad=True)
    von_neumann_entropy(h).backward()
    assert h.grad.isfinite().all()


def test_leading_axes_are_separate_batches():
    a, b = reference_input(6, 5), reference_input(6, 5).flip(0) ** 3
    together = von_neumann_entropy(torch.stack([a, b]))
    apart = torch.stack([von_neumann_entropy(a), von_neumann_entropy(b)])
    torch.testing.assert_close(together, apart)


def test_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(von_neumann_entropy, (reference_input(5, 3).requires_grad_(),))
