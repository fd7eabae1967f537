"""VICReg: variance, invariance, covariance.

Bardes, Ponce, LeCun: "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", ICLR 2022, arXiv 2105.04906.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["VICRegParts", "vicreg"]


class VICRegParts(NamedTuple):
    """The three weighted parts of eq. 6; their sum is the loss.

    Attributes:
        invariance: mean squared distance of the views (eq. 5), per element as in the official code.
        variance: hinge on the standard deviation of every column (eq. 1), mean of both views.
        covariance: squared off-diagonal covariances over P (eq. 4), summed over both views.
    """

    invariance: Float[Tensor, ""]
    variance: Float[Tensor, ""]
    covariance: Float[Tensor, ""]


@full_precision
def vicreg(
    z1: Float[Tensor, "B P"],
    z2: Float[Tensor, "B P"],
    *,
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
) -> VICRegParts:
    """Eq. 6 on the rows of all ranks; every rank returns the same variance and covariance.

    Total collapse gives a variance part of the whole weight, less 1 % (sqrt of eps = 1e-4).

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        invariance_weight: lambda; 25 in the paper.
        variance_weight: mu; 25 in the paper.
        covariance_weight: nu; 1 in the paper.

    Raises:
        ValueError: a single row.
    """
    (hinge_1, energy_1), (hinge_2, energy_2) = _moments(_centred(z1)), _moments(_centred(z2))
    return VICRegParts(
        invariance_weight * F.mse_loss(z1, z2),
        variance_weight * (hinge_1 + hinge_2) / 2,
        covariance_weight * (energy_1 + energy_2),
    )


def _centred(z: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    return z - distributed.total(z.sum(0)) / (len(z) * distributed.world_size())


def _moments(z: Float[Tensor, "B P"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Hinge on the deviations, and off-diagonal energy over P, of centred rows."""
    rows, columns = len(z) * distributed.world_size(), z.shape[1]
    if rows < 2:
        raise ValueError(f"a variance over N - 1 rows needs 2 rows or more, got {rows}")
    variance = distributed.total(z.square().sum(0)) / (rows - 1)
    hinge = F.relu(1 - (variance + 1e-4).sqrt()).mean()
    if rows < columns:  # ||Z^T Z||_F = ||Z Z^T||_F: the smaller of the two products
        energy = distributed.total((z @ distributed.gather(z).mT).square().sum())
    else:
        energy = distributed.total(z.mT @ z).square().sum()
    return hinge, (energy / (rows - 1) ** 2 - variance.square().sum()) / columns
