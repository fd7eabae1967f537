"""TiCo: views agree, and embeddings avoid the directions that recent embeddings have used.

Zhu, Moraes, Karakulak, Sobol, Canziani, LeCun: "TiCo: Transformation Invariance and Covariance
Contrast for Self-Supervised Visual Representation Learning", 2022, arXiv 2206.10698. There is no
official code; values equal both forms that lightly-ai/lightly has had (2024), see `detach_batch`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision
from manyviews.ranges import NotNegative, Share, Size, within_ranges

__all__ = ["TiCoLoss", "TiCoParts"]


class TiCoParts(NamedTuple):
    """The two parts of the loss; their sum is the loss.

    Attributes:
        invariance: 1 - mean_i a_i . b_i, a scalar.
        contrast: rho * mean_i a_i^T C a_i, a scalar.
    """

    invariance: Float[Tensor, ""]
    contrast: Float[Tensor, ""]


class TiCoLoss(nn.Module):
    """TiCo's loss with its running covariance: L = 1 - mean_i a_i . b_i + rho mean_i a_i^T C_t a_i.

    a and b are the normalised rows of the network and of the momentum network, and
    C_t = beta C_{t-1} + (1 - beta) mean_i a_i a_i^T over the rows of all ranks. C_0 is 0 and is not
    corrected for, so tr C_t = 1 - beta^t. Total collapse gives a contrast of rho (1 - beta^t), rows
    spread evenly over all directions one of rho (1 - beta^t) / P.

    Args:
        dim: P, the width of the projections.
        beta: share of the memory that is kept at each step; 0.9 in the paper.
        rho: weight of the contrast; 8 in the paper at P = 256.
        detach_batch: True treats C_t as a constant in the gradient. False lets gradient flow
            through the current batch's part of C_t, too.
    """

    @within_ranges
    def __init__(
        self, dim: Size, *, beta: Share = 0.9, rho: NotNegative = 8.0, detach_batch: bool = True
    ) -> None:
        super().__init__()
        self.beta, self.rho, self.detach_batch = beta, rho, detach_batch
        self.covariance: Tensor
        self.register_buffer("covariance", torch.zeros(dim, dim))

    def forward(
        self, z: Float[Tensor, "B P"], target: Float[Tensor, "B P"], *, remember: bool = True
    ) -> TiCoParts:
        """Return the parts for this rank's rows; their mean over ranks is the joined batch's loss.

        Args:
            z: raw projections of the network that learns.
            target: raw projections of the momentum network; no gradient flows into them.
            remember: True stores C_t. If one step calls the loss several times, all calls but one
                pass False.
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
    """Return the parts without rho, and C_t."""
    a, b = F.normalize(z, dim=1), F.normalize(target.detach(), dim=1)
    # B_t, the second moment of the rows of all ranks; it is not centred, as in the paper.
    rows = a.detach() if detach_batch else a
    batch = distributed.total(rows.mT @ rows) / (len(a) * distributed.world_size())
    covariance = beta * memory + (1 - beta) * batch.to(memory.dtype)
    # a_i^T C a_i for every row: a product with C, then the dot product with the row itself.
    contrast = ((a @ covariance.to(a.dtype)) * a).sum(1).mean()
    return TiCoParts(1 - (a * b).sum(1).mean(), contrast), covariance
