"""REBAR: retrieve the candidate that rebuilds a window best, and learn that it is alike.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", ICLR 2024, arXiv 2311.00519. Values equal the authors' code (maxxu05/rebar).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["RetrievalContrast", "reconstruction_error", "retrieval_contrast"]

Reduction = Literal["mean", "sum"]


class RetrievalContrast(NamedTuple):
    """The two weighted parts; their sum is the loss.

    Attributes:
        within: the positive among all candidates of its anchor; weight 1 - alpha.
        between: the positive against the anchors of all other series; weight alpha.
    """

    within: Float[Tensor, ""]
    between: Float[Tensor, ""]


@full_precision
def retrieval_contrast(
    anchor: Float[Tensor, "B D"],
    candidates: Float[Tensor, "K B D"],
    positive: Int64[Tensor, " B"],
    *,
    temperature: float,
    between_weight: float,
) -> RetrievalContrast:
    """InfoNCE of the retrieved candidate, within the candidates and between the anchors.

    within = mean of -log softmax of the positive among the K candidates; between = mean of -log
    softmax of the positive among itself and the anchors of all ranks but the row's own. The value
    is that of this rank's rows; its mean over ranks is the loss of the joined batch. Total collapse
    gives ln K and ln N times their weights.

    Args:
        anchor: raw embeddings; cosines are taken here.
        candidates: raw embeddings of the K candidates of each anchor.
        positive: which of them was retrieved, 0 to K - 1.
        temperature: tau.
        between_weight: alpha, 0 to 1; a part of weight 0 is not computed.
    """
    a, c = F.normalize(anchor, dim=-1), F.normalize(candidates, dim=-1)
    score = torch.einsum("bd,kbd->bk", a, c) / temperature
    within = between = score.new_zeros(())
    if between_weight < 1:
        within = (1 - between_weight) * F.cross_entropy(score, positive)
    if between_weight > 0:
        retrieved = score.gather(1, positive[:, None])
        between = between_weight * _against_others(retrieved, a, temperature)
    return RetrievalContrast(within, between)


def _against_others(
    retrieved: Float[Tensor, "B 1"], a: Float[Tensor, "B D"], temperature: float
) -> Float[Tensor, ""]:
    """The retrieved candidate has class 0; the classes behind it are the anchors of all ranks."""
    everyone = distributed.gather(a)
    rows = distributed.share(torch.arange(len(everyone), device=a.device))
    itself = F.one_hot(rows, len(everyone)).bool()
    others = (a @ everyone.mT / temperature).masked_fill(itself, -torch.inf)
    return F.cross_entropy(torch.cat([retrieved, others], 1), torch.zeros_like(rows))


@full_precision
def reconstruction_error(
    reconstruction: Float[Tensor, "B C T"],
    target: Float[Tensor, "B C T"],
    missing: Bool[Tensor, "B T"],
    *,
    reduction: Reduction,
) -> Float[Tensor, ""]:
    """Squared error of what had to be rebuilt: the missing steps, in all channels that have them.

    The mean over ranks is the value of the joined batch.

    Args:
        reconstruction: of the whole window.
        target: the window; NaN where there is nothing to compare with.
        missing: the steps that were hidden.
        reduction: "mean" over the missing entries of all ranks, or their "sum" as in the authors'
            code, where the rate of learning depends on batch, channels and mask.
    """
    compared = missing[:, None] & ~target.isnan()
    error = torch.where(compared, reconstruction - target.nan_to_num(), 0.0).square().sum()
    if reduction == "sum":
        return error * distributed.world_size()
    count = distributed.total(compared.sum().to(error.dtype)).clamp(min=1)
    return error * distributed.world_size() / count
