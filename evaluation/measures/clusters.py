"""Measures of a clustering against the classes, for many resamples of the items at once.

Each reads contingency tables, see `classification.crossed`: one per resample, class by cluster.
"""

from __future__ import annotations

import torch
from jaxtyping import Float64
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def ari(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the adjusted Rand index (Hubert and Arabie 1985): 0 by chance, 1 for equal partitions.

    Args:
        table: contingency tables, one per resample: class by cluster.
    """

    def pairs(count: Tensor) -> Float64[Tensor, " R"]:
        """Return the number of pairs of items that share a cell, summed over cells."""
        return (count * (count - 1) / 2).flatten(1).sum(1)

    together, by_class, by_cluster = pairs(table), pairs(table.sum(2)), pairs(table.sum(1))
    chance = by_class * by_cluster / pairs(table.sum((1, 2))[:, None])
    gap = (by_class + by_cluster) / 2 - chance
    return ((together - chance) / gap).where(gap != 0, 1.0)  # both are one class, or all singles


def nmi(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the mutual information over the mean of both entropies; 1 if both have one part."""
    p = table / table.sum((1, 2), keepdim=True)
    entropy = [-torch.xlogy(side, side).sum(1) for side in (p.sum(2), p.sum(1))]
    joint = -torch.xlogy(p, p).sum((1, 2))
    mean = (entropy[0] + entropy[1]) / 2
    return ((sum(entropy) - joint) / mean).where(mean > 0, 1.0)


def matched_accuracy(table: Float64[Tensor, "R M K"]) -> Float64[Tensor, " R"]:
    """Return the accuracy with the best assignment of clusters to classes (Kuhn 1955)."""
    best = [float(t[linear_sum_assignment(t, maximize=True)].sum()) for t in table.numpy()]
    return torch.tensor(best, dtype=torch.float64) / table.sum((1, 2))
