"""VICReg: views agree, every dimension keeps its variance, and dimensions do not covary.

    L = lambda s(Z, Z') + mu [v(Z) + v(Z')] / 2 + nu [c(Z) + c(Z')]    (eq. 6)

Bardes, Ponce, LeCun: "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", ICLR 2022, arXiv 2105.04906. Deviations, as in the official code: the variance is halved,
and the invariance is a mean over the elements of the difference, not a sum over its columns.
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
        invariance: s, the mean squared difference of the views, per element (eq. 5).
        variance: v, the hinge max(0, 1 - std) of every column (eq. 1), mean of both views.
        covariance: c, the sum of squared off-diagonal covariances over P (eq. 4), summed over both
            views.
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
    """Return the three parts of eq. 6; variance and covariance are those of all ranks' rows.

    The invariance is that of this rank's rows. Total collapse gives a variance part of 0.99 mu,
    because the standard deviation is sqrt(var + 1e-4).

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        invariance_weight: lambda; 25 in the paper.
        variance_weight: mu; 25 in the paper.
        covariance_weight: nu; 1 in the paper.

    Raises:
        ValueError: if there is a single row.
    """
    (hinge_1, energy_1), (hinge_2, energy_2) = _moments(_centred(z1)), _moments(_centred(z2))
    return VICRegParts(
        invariance_weight * F.mse_loss(z1, z2),
        variance_weight * (hinge_1 + hinge_2) / 2,
        covariance_weight * (energy_1 + energy_2),
    )


def _centred(z: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    """Return the rows minus their mean over all ranks."""
    return z - distributed.total(z.sum(0)) / (len(z) * distributed.world_size())


def _moments(z: Float[Tensor, "B P"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the hinge v and the off-diagonal energy c of centred rows."""
    rows, columns = len(z) * distributed.world_size(), z.shape[1]
    if rows < 2:
        raise ValueError(f"a variance over N - 1 rows needs 2 rows or more, got {rows}")
    variance = distributed.total(z.square().sum(0)) / (rows - 1)
    hinge = F.relu(1 - (variance + 1e-4).sqrt()).mean()
    if rows < columns:  # ||Z^T Z||_F = ||Z Z^T||_F: the smaller of the two products
        energy = distributed.total((z @ distributed.gather(z).mT).square().sum())
    else:
        energy = distributed.total(z.mT @ z).square().sum()
    # The squares of all covariances, less those of the diagonal, which are the variances.
    return hinge, (energy / (rows - 1) ** 2 - variance.square().sum()) / columns
