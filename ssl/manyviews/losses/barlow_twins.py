"""Barlow Twins: the cross-correlation matrix of two views is driven towards the identity.

    L = sum_i (C_ii - 1)^2 + lambda sum_{i != j} C_ij^2,    C = z1^T z2 / N    (eq. 1 and 2)

Zbontar, Jing, Misra, LeCun, Deny: "Barlow Twins: Self-Supervised Learning via Redundancy
Reduction", 2021, arXiv 2103.03230. Values equal facebookresearch/barlowtwins@8e8d284.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["BarlowTwinsLoss", "barlow_twins"]

DDP = Literal["exact", "paper"]


class BarlowTwinsLoss(NamedTuple):
    """The two parts of eq. 1; their sum is the loss.

    Attributes:
        invariance: sum_i (C_ii - 1)^2, a scalar.
        redundancy: lambda sum_{i != j} C_ij^2, a scalar.
    """

    invariance: Float[Tensor, ""]
    redundancy: Float[Tensor, ""]


@full_precision
def barlow_twins(
    z1: Float[Tensor, "B P"],
    z2: Float[Tensor, "B P"],
    *,
    redundancy_weight: float,
    ddp: DDP = "exact",
) -> BarlowTwinsLoss:
    """Return the two parts of eq. 1 for C = z1^T z2 / N; the columns are standardised here.

    N counts the rows of all ranks, and every rank returns the same global loss. The parts are sums,
    not means: the redundancy of uncorrelated columns is about lambda P (P - 1) / N.

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        redundancy_weight: lambda; 0.005 in the paper, 0.0051 in the official code.
        ddp: "exact" uses the statistics of all ranks and gives the gradient of one process on the
            joined batch. "paper" does as the official code without synchronised batch norm:
            statistics of the local rows, and 1/W of the gradient with W ranks.
    """
    z1, z2 = (standardize(z, synchronised=ddp == "exact") for z in (z1, z2))
    return correlation_parts(z1, z2, redundancy_weight=redundancy_weight, ddp=ddp)


def correlation_parts(
    z1: Float[Tensor, "B P"], z2: Float[Tensor, "B P"], *, redundancy_weight: float, ddp: DDP
) -> BarlowTwinsLoss:
    """Return the two parts of eq. 1 for columns that are already standardised."""
    total = distributed.total if ddp == "exact" else distributed.total_with_local_gradient
    diagonal = total((z1 * z2).sum(0)) / (len(z1) * distributed.world_size())
    # All squares less those of the diagonal; the sum of all never needs C itself.
    redundancy = energy(z1, z2, ddp=ddp) - diagonal.square().sum()
    return BarlowTwinsLoss((diagonal - 1).square().sum(), redundancy_weight * redundancy)


def standardize(
    z: Float[Tensor, "B P"],
    *,
    eps: float = 1e-5,
    synchronised: bool = True,
    unbiased: bool = False,
) -> Float[Tensor, "B P"]:
    """Return every column with mean 0 and variance 1, as batch norm without affine parameters.

    Args:
        z: the rows of this rank.
        eps: added to the variance, so that a constant column becomes 0 instead of NaN.
        synchronised: True takes the statistics over the rows of all ranks, False over this rank's.
        unbiased: True divides the sum of squares by N - 1, False by N.

    Raises:
        ValueError: if `unbiased` and there is a single row.
    """
    total = distributed.total if synchronised else lambda x: x
    rows = len(z) * (distributed.world_size() if synchronised else 1)
    if rows <= unbiased:
        raise ValueError(f"a variance over N - 1 rows needs 2 rows or more, got {rows}")
    centred = z - total(z.sum(0)) / rows
    variance = total(centred.square().sum(0)) / (rows - unbiased)
    return centred / (variance + eps).sqrt()


def energy(z1: Float[Tensor, "B P"], z2: Float[Tensor, "B P"], *, ddp: DDP) -> Float[Tensor, ""]:
    """Return ||z1^T z2 / N||_F^2, the sum of all squared correlations, over all ranks' rows."""
    rows, columns = len(z1) * distributed.world_size(), z1.shape[1]
    if ddp == "exact":
        if rows < columns:  # the N x N form has the smaller matrices
            return _gram_energy(z1, z2)
        return (distributed.total(z1.mT @ z2) / rows).square().sum()
    return (distributed.total_with_local_gradient(z1.mT @ z2) / rows).square().sum()


def _gram_energy(z1: Float[Tensor, "B P"], z2: Float[Tensor, "B P"]) -> Float[Tensor, ""]:
    """Return ||C||_F^2 = <z1 z1^T, z2 z2^T> / N^2 by two N x N matrices instead of one P x P.

    It holds as ||z1^T z2||_F^2 = tr(z2^T z1 z1^T z2) = tr(z1 z1^T z2 z2^T). Each rank computes its
    own rows of both matrices, and the inner product is summed over ranks.
    """
    all_1, all_2 = distributed.gather(z1), distributed.gather(z2)
    return distributed.total(((z1 @ all_1.mT) * (z2 @ all_2.mT)).sum()) / len(all_1) ** 2
