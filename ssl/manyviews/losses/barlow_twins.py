"""Barlow Twins: the cross-correlation of two views is driven to the identity.

Zbontar, Jing, Misra, LeCun, Deny: "Barlow Twins: Self-Supervised Learning via Redundancy
Reduction", 2021, arXiv 2103.03230. Values equal facebookresearch/barlowtwins@8e8d284.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from manyviews.losses.precision import full_precision


class BarlowTwinsLoss(NamedTuple):
    """The two parts of eq. 1; their sum is the loss.

    Attributes:
        invariance: sum_i (C_ii - 1)^2.
        redundancy: weight * sum_{i != j} C_ij^2.
    """

    invariance: Float[Tensor, ""]
    redundancy: Float[Tensor, ""]


def standardize(z: Float[Tensor, "N P"], *, eps: float = 1e-5) -> Float[Tensor, "N P"]:
    """Every column with mean 0 and variance 1, as batch norm without affine parameters does."""
    centred = z - z.mean(0)
    return centred / (centred.square().mean(0) + eps).sqrt()


@full_precision
def barlow_twins(
    z1: Float[Tensor, "N P"], z2: Float[Tensor, "N P"], *, redundancy_weight: float
) -> BarlowTwinsLoss:
    """Invariance and redundancy (eq. 1) of C = z1^T z2 / N, standardised per column here.

    Sums, not means: the redundancy of uncorrelated columns is about weight * P (P - 1) / N.

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        redundancy_weight: lambda; 0.005 in the paper, 0.0051 in the official code.
    """
    z1, z2 = standardize(z1), standardize(z2)
    rows, columns = z1.shape
    diagonal = (z1 * z2).sum(0) / rows
    total = _gram_energy(z1, z2) if rows < columns else _matrix_energy(z1, z2)
    redundancy = total - diagonal.square().sum()
    return BarlowTwinsLoss((diagonal - 1).square().sum(), redundancy_weight * redundancy)


def _matrix_energy(z1: Float[Tensor, "N P"], z2: Float[Tensor, "N P"]) -> Float[Tensor, ""]:
    """||C||_F^2 from the P x P matrix C."""
    return (z1.mT @ z2 / len(z1)).square().sum()


def _gram_energy(z1: Float[Tensor, "N P"], z2: Float[Tensor, "N P"]) -> Float[Tensor, ""]:
    """||C||_F^2 = <z1 z1^T, z2 z2^T> / N^2: two N x N matrices, cheaper when N < P."""
    return ((z1 @ z1.mT) * (z2 @ z2.mT)).sum() / len(z1) ** 2
