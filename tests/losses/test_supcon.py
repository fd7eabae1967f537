import math

import pytest
import torch
from golden import chirp

from manyviews.losses import info_nce, supcon

Z = torch.stack([chirp((6, 5), 0.011, 0.37, 0.25), chirp((6, 5), 0.017, 0.91, 1.5)])
LABEL = torch.tensor([0, 1, 0, 2, 1, 0])


def by_loops(z, label, temperature):
    """Return L_out (eq. 2) by a loop over rows."""
    rows, labels = z.flatten(0, 1), label.repeat(len(z))
    total = 0.0
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        e = {j: float(torch.cosine_similarity(rows[i], rows[j], dim=0) / temperature)
             for j in others}  # fmt: skip
        log_sum = math.log(sum(map(math.exp, e.values())))
        positives = [j for j in others if labels[j] == labels[i]]
        total += sum(log_sum - e[j] for j in positives) / len(positives)
    return total / len(rows)


def test_it_is_the_loop_over_rows():
    found = float(supcon(Z, LABEL, temperature=0.2))
    assert found == pytest.approx(by_loops(Z, LABEL, 0.2), rel=1e-10)


def test_where_no_class_comes_twice_it_is_info_nce():
    alone = supcon(Z, torch.arange(6), temperature=0.2)
    torch.testing.assert_close(alone, info_nce(*Z, temperature=0.2))


def test_gradient_is_that_of_finite_differences():
    leaf = Z.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: supcon(z, LABEL, temperature=0.5), leaf)
