"""REBAR: the candidate that rebuilds a window best is its positive in a contrastive loss.

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
    """The two weighted parts of the loss; their sum is the loss.

    Attributes:
        within: (1 - alpha) times the InfoNCE among the candidates of one anchor, a scalar.
        between: alpha times the InfoNCE against the anchors of all other rows, a scalar.
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
    """Return the two parts of REBAR's loss, both the mean of -log softmax of the positive's score.

    The score of a pair is its cosine over tau. In `within` the positive competes with the other
    K - 1 candidates of its anchor, in `between` with the anchors of all other rows on all ranks.
    The parts are those of this rank's rows; their mean over ranks is the loss of the joined batch.
    Total collapse gives (1 - alpha) ln K and alpha ln N.

    Args:
        anchor: raw embeddings of the anchors.
        candidates: raw embeddings of the K candidates of each anchor.
        positive: index of the retrieved candidate of each anchor, 0 to K - 1.
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
    """Return the InfoNCE of the retrieved candidate among the anchors of all other rows.

    In the cross-entropy class 0 is the retrieved candidate and class 1 + n the anchor of row n.
    """
    everyone = distributed.gather(a)
    rows = distributed.local_rows(torch.arange(len(everyone), device=a.device))
    # An anchor's cosine with itself is always 1: it is left out of the negatives.
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
    """Return the squared error of the hidden steps.

    The mean over ranks is the value of the joined batch.

    Args:
        reconstruction: the rebuilt windows, all steps.
        target: the true windows; entries that are NaN are not compared.
        missing: True at the steps that were hidden.
        reduction: "mean" over the hidden entries of all ranks, or their "sum" as in the authors'
            code; with the sum, the effective learning rate grows with batch, channels and mask.
    """
    compared = missing[:, None] & ~target.isnan()
    error = torch.where(compared, reconstruction - target.nan_to_num(), 0.0).square().sum()
    if reduction == "sum":
        # DDP takes the mean over ranks; the factor turns it into a sum.
        return error * distributed.world_size()
    # Ranks may differ in their numbers of compared entries: each entry weighs alike.
    count = distributed.total(compared.sum().to(error.dtype)).clamp(min=1)
    return error * distributed.world_size() / count
