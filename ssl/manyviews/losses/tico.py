"""TiCo: transformation invariance and covariance contrast.

Zhu, Moraes, Karakulak, Sobol, Canziani, LeCun: "TiCo: Transformation Invariance and Covariance
Contrast for Self-Supervised Visual Representation Learning", 2022, arXiv 2206.10698. There is no
official code; values equal lightly-ai/lightly (2024, both the settled form and the one before).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["TiCoLoss", "TiCoParts"]


class TiCoParts(NamedTuple):
    """The two parts of the loss; their sum is the loss.

    Attributes:
        invariance: 1 - mean_i a_i . b_i.
        contrast: rho * mean_i a_i^T C a_i.
    """

    invariance: Float[Tensor, ""]
    contrast: Float[Tensor, ""]


class TiCoLoss(nn.Module):
    """Agreement with the target, and distance from what the covariance remembers.

    C_t = beta C_{t-1} + (1 - beta) B_t with the uncentred second moment B_t of the normalised rows
    of all ranks, used in the same step and stored once. C_0 = 0 and is not corrected for it: tr C_t
    = 1 - beta^t. Total collapse gives contrast = rho (1 - beta^t), isotropy rho / dim.

    Args:
        dim: P of the projections.
        beta: share of the memory that stays; 0.9 in the paper.
        rho: weight of the contrast; 8 in the paper at P = 256.
        detach_batch: whether C_t is a constant to the gradient. Otherwise the current batch counts
            twice in it.
    """

    def __init__(
        self, dim: int, *, beta: float = 0.9, rho: float = 8.0, detach_batch: bool = True
    ) -> None:
        super().__init__()
        self.beta, self.rho, self.detach_batch = beta, rho, detach_batch
        self.covariance: Tensor
        self.register_buffer("covariance", torch.zeros(dim, dim))

    def forward(
        self, z: Float[Tensor, "B P"], target: Float[Tensor, "B P"], *, remember: bool = True
    ) -> TiCoParts:
        """The parts on this rank's rows; their mean over ranks is the loss of the joined batch.

        Args:
            z: raw projections of the network that learns.
            target: raw projections of the momentum network; without gradient.
            remember: whether the memory takes the batch in; False in all but one piece of a step.
        """
        parts, covariance = _tico(z, target, self.covariance, self.beta, self.detach_batch)
        if remember:
            self.covariance.copy_(covariance.detach())
        return TiCoParts(parts.invariance, self.rho * parts.contrast)


@full_precision
def _tico(
    z: Float[Tensor, "B P"],
    target: Float[Tensor, "B P"],
    memory: Float[Tensor, "P P"],
    beta: float,
    detach_batch: bool,
) -> tuple[TiCoParts, Float[Tensor, "P P"]]:
    """The unweighted parts, and C_t."""
    a, b = F.normalize(z, dim=1), F.normalize(target.detach(), dim=1)
    rows = a.detach() if detach_batch else a
    batch = distributed.total(rows.mT @ rows) / (len(a) * distributed.world_size())
    covariance = beta * memory + (1 - beta) * batch.to(memory.dtype)
    contrast = ((a @ covariance.to(a.dtype)) * a).sum(1).mean()
    return TiCoParts(1 - (a * b).sum(1).mean(), contrast), covariance
