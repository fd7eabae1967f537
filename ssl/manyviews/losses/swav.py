"""SwAV: codes by optimal transport, and their swapped prediction.

Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", 2020, arXiv 2006.09882. Values equal facebookresearch/swav
@06b1b7c. Deviation: the largest score is subtracted before the exponential, which changes nothing
but the range (the first row normalisation cancels any common factor).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["sinkhorn", "swapped_prediction"]


@torch.no_grad()
@full_precision
def sinkhorn(
    scores: Float[Tensor, "N K"], *, epsilon: float, iterations: int
) -> Float[Tensor, "N K"]:
    """Soft codes of eq. 3 by Sinkhorn-Knopp: every row sums to 1, prototypes share the batch.

    The batch is that of all ranks together: one maximum and 1 + iterations sums pass between them.

    Args:
        scores: cosine of each projection of this rank with each prototype.
        epsilon: entropy of the codes; 0.05 in the paper. Towards 0 the codes become hard.
        iterations: 3 in the paper; 1 does not converge.
    """
    rows = scores.shape[0] * distributed.world_size()
    # One constant for all ranks and samples: any other would change the first row sums.
    q = ((scores - distributed.largest(scores.max())) / epsilon).exp()
    q /= distributed.total(q.sum())
    for _ in range(iterations):
        q /= distributed.total(q.sum(0, keepdim=True))
        q /= q.shape[1]
        q /= q.sum(1, keepdim=True)
        q /= rows
    return q.mul_(rows)


@full_precision
def swapped_prediction(
    scores: Float[Tensor, "V B K"], codes: Float[Tensor, "A B K"], *, temperature: float
) -> Float[Tensor, ""]:
    """Mean cross-entropy of eq. 1-2 between each code and the scores of all other views.

    Total collapse (all scores equal) gives log K.

    Args:
        scores: cosine of each projection with each prototype, views that have codes first.
        codes: of the first A views; no gradient flows into them.
        temperature: of the softmax over prototypes; 0.1 in the paper.
    """
    views, rows = scores.shape[:2]
    log_p = (scores / temperature).log_softmax(dim=2)
    cross_entropy = -torch.einsum("abk,vbk->av", codes.detach(), log_p) / rows
    own = cross_entropy.diagonal().sum()  # a view does not predict its own code
    return (cross_entropy.sum() - own) / (len(codes) * (views - 1))
