"""Contrast of arbitrary class pairs inside the subspace that a gate opens for them.

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
    """Mean over all positives p of log(e^s_p + sum over negatives e^s_n) - s_p.

    Positives of a row are the keys of its partner's class, negatives those of neither class; keys
    of its own class are left out unless it is the partner's. Positives are counted over all ranks:
    the mean over ranks is the loss of the joined batch. Without any positive it is 0.

    Args:
        query: raw projections of this rank.
        key: raw projections of all ranks.
        gate: share of each dimension that is open for the pair of the row, 0 to 1.
        query_class: of each query.
        partner_class: the class that the positives of each query have.
        key_class: of each key.
        temperature: tau; 0.1 in the code.
        mode: "cosine" of the gated vectors, or "dot": their product without normalising again.
    """
    score = gated_scores(query, key, gate, mode) / temperature
    positive = key_class == partner_class[:, None]
    negative = ~positive & (key_class != query_class[:, None])
    others = score.masked_fill(~negative, -torch.inf).logsumexp(1, keepdim=True)
    each = torch.where(positive, torch.logaddexp(score, others) - score, 0.0)
    count = distributed.total(positive.sum().to(score.dtype)).clamp(min=1)
    return each.sum() * distributed.world_size() / count


def both_ways(
    query: Float[Tensor, "2 B P"],
    key: Float[Tensor, "2 B P"],
    gate: Float[Tensor, "B P"],
    query_class: Int64[Tensor, " B"],
    partner_class: Int64[Tensor, " B"],
    *,
    temperature: float,
    mode: Mode = "cosine",
) -> Float[Tensor, ""]:
    """Mean of the first view against the keys of the second and the other way round.

    Args:
        query: raw projections of two views on this rank.
        key: the same views' keys on this rank; those of all ranks are gathered here.
        gate: see `arbitrary_pairs`, as the rest.
        query_class: of each row.
        partner_class: of each row.
        temperature: tau.
        mode: of the scores.
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
    """Similarity of query * gate and key * gate, by two products and never as (B, G, P).

    sum_p q g k g = (q g^2) k; the norm of key * gate is the square root of g^2 k^2.
    """
    if mode == "dot":
        query, key = F.normalize(query, dim=1), F.normalize(key, dim=1)
        return (query * gate.square()) @ key.mT
    # The cosine does not change with the scale of a gate; g^2 of a nearly closed one would vanish.
    gate = gate / gate.detach().amax(1, keepdim=True).clamp(min=1e-12)
    open_share = gate.square()
    query_norm = (query.square() * open_share).sum(1, keepdim=True)
    key_norm = open_share @ key.square().mT
    return (query * open_share) @ key.mT / (query_norm * key_norm).clamp(min=1e-24).sqrt()
