"""Hydra: a contrastive loss on arbitrary pairs of classes, in the dimensions a gate opens.

Wu et al.: "Hydra" / "SimLAP: Simple Representation Learning from Arbitrary Pairs", 2024, arXiv
2410.18200. Values equal the authors' code (erow/hydra, erow/vitookit).
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["arbitrary_pairs"]

Mode = Literal["cosine", "dot"]


@full_precision
def arbitrary_pairs(
    query: Float[Tensor, "B P"],
    key: Float[Tensor, "G P"],
    gate: Float[Tensor, "B P"],
    query_class: Int64[Tensor, " B"],
    partner_class: Int64[Tensor, " B"],
    key_class: Int64[Tensor, " G"],
    *,
    temperature: float,
    mode: Mode = "cosine",
) -> Float[Tensor, ""]:
    """Return the mean over all positives p of log(e^s_p + sum over negatives n of e^s_n) - s_p.

    s is the score of `gated_scores` over tau. The positives of a query are the keys of its partner
    class, its negatives the keys of neither its own nor the partner class; keys of its own class
    are ignored, unless the two classes are the same. Positives are counted over all ranks, so the
    mean over ranks is the loss of the joined batch. A batch without positives has loss 0.

    Args:
        query: raw projections of this rank's rows.
        key: raw projections of the rows of all ranks.
        gate: how far each dimension is open for the pair of classes of a row, 0 to 1.
        query_class: class of each query.
        partner_class: class of the positives of each query.
        key_class: class of each key.
        temperature: tau; 0.1 in the authors' code.
        mode: "cosine" of the gated vectors, or "dot": the dot product of the gated unit vectors.
    """
    score = gated_scores(query, key, gate, mode) / temperature
    positive = key_class == partner_class[:, None]
    negative = ~positive & (key_class != query_class[:, None])
    # The denominator holds one positive at a time: positives do not compete with each other.
    others = score.masked_fill(~negative, -torch.inf).logsumexp(1, keepdim=True)
    each = torch.where(positive, torch.logaddexp(score, others) - score, 0.0)
    # Ranks differ in their numbers of positives. Divided by the global number, each positive weighs
    # alike; the factor W cancels DDP's mean over ranks.
    count = distributed.total(positive.sum().to(score.dtype)).clamp(min=1)
    return each.sum() * distributed.world_size() / count


def symmetric_pairs(
    query: Float[Tensor, "2 B P"],
    key: Float[Tensor, "2 B P"],
    gate: Float[Tensor, "B P"],
    query_class: Int64[Tensor, " B"],
    partner_class: Int64[Tensor, " B"],
    *,
    temperature: float,
    mode: Mode = "cosine",
) -> Float[Tensor, ""]:
    """Return the mean loss of view 1's queries with view 2's keys, and of 2's queries with 1's.

    Args:
        query: raw projections of two views, this rank's rows.
        key: raw keys of the same two views, this rank's rows; they are gathered from all ranks.
        gate: see `arbitrary_pairs`.
        query_class: class of each row.
        partner_class: class of the positives of each row.
        temperature: tau.
        mode: see `arbitrary_pairs`.
    """
    classes = query_class, partner_class, distributed.gather(query_class)
    first, second = (
        arbitrary_pairs(
            q, distributed.gather(k), gate, *classes, temperature=temperature, mode=mode
        )
        for q, k in zip(query, key.flip(0), strict=True)
    )
    return (first + second) / 2


def gated_scores(
    query: Float[Tensor, "B P"], key: Float[Tensor, "G P"], gate: Float[Tensor, "B P"], mode: Mode
) -> Float[Tensor, "B G"]:
    """Return the similarity of query * gate and key * gate, where the gate is the query's.

    A key looks different to every query, but no tensor (B, G, P) is made: the dot product is
    sum_p (q g) (k g) = (q g^2) k^T, and the squared norm of k g is g^2 (k^2)^T.
    """
    if mode == "dot":
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
        return (query * gate.square()) @ key.mT
    # The cosine does not depend on the scale of the gate; without rescaling, g^2 of a nearly closed
    # gate would underflow.
    gate = gate / gate.detach().amax(1, keepdim=True).clamp(min=1e-12)
    open_share = gate.square()
    query_norm = (query.square() * open_share).sum(1, keepdim=True)
    key_norm = open_share @ key.square().mT
    return (query * open_share) @ key.mT / (query_norm * key_norm).clamp(min=1e-24).sqrt()
