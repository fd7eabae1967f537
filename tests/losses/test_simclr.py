import math

import pytest
import torch
from golden import chirp

from manyviews.losses import info_nce

Z1, Z2 = chirp((6, 5), 0.011, 0.37, 0.25), chirp((6, 5), 0.017, 0.91, 1.5)


def by_loops(z1, z2, temperature):
    """Return NT-Xent (eq. 1) by a loop over rows."""
    z = torch.cat([z1, z2])
    total = 0.0
    for i in range(len(z)):
        positive = (i + len(z1)) % len(z)
        e = [float(torch.cosine_similarity(z[i], z[j], dim=0) / temperature) for j in range(len(z))]
        total += math.log(sum(math.exp(e[j]) for j in range(len(z)) if j != i)) - e[positive]
    return total / len(z)


def test_it_is_the_loop_over_rows():
    found = float(info_nce(Z1, Z2, temperature=0.2))
    assert found == pytest.approx(by_loops(Z1, Z2, 0.2), rel=1e-10)


def test_collapse_costs_the_logarithm_of_the_others():
    assert float(info_nce(torch.ones(8, 3), torch.ones(8, 3), temperature=0.1)) == pytest.approx(
        math.log(15), rel=1e-6
    )


def test_gradient_is_that_of_finite_differences():
    leaves = [z.clone().requires_grad_() for z in (Z1, Z2)]
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, temperature=0.5), leaves)
