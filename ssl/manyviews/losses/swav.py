"""SwAV: each view predicts the cluster codes of another; optimal transport computes the codes.

Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", 2020, arXiv 2006.09882. Values equal facebookresearch/swav
@06b1b7c. Deviations: the largest score is subtracted before the exponential, so that it cannot
overflow; the first normalisation cancels this common factor. For a very small epsilon, logarithms
are normalised instead, so that it cannot underflow either.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["sinkhorn", "swapped_prediction"]

# Cosines differ by at most 2, and float32 holds exp(-2 / epsilon) as a normal number from here on.
SAFE_EPSILON = 2 / 87


@torch.no_grad()
@full_precision
def sinkhorn(
    scores: Float[Tensor, "N K"], *, epsilon: float, iterations: int
) -> Float[Tensor, "N K"]:
    """Return the soft codes Q of eq. 3 and 5, computed by the Sinkhorn-Knopp algorithm.

    Q = diag(u) exp(scores / epsilon) diag(v), where u and v are such that every row sums to 1 and
    the prototypes share the batch evenly: their columns have (nearly) equal sums. The batch is that
    of all ranks; one maximum and 1 + iterations sums are reduced over them.

    Args:
        scores: cosine of each projection of this rank with each prototype.
        epsilon: weight of the entropy of the codes; 0.05 in the paper. Towards 0 they become hard.
        iterations: number of normalisations; 3 in the paper, 1 is too few to converge.
    """
    if epsilon < SAFE_EPSILON:
        return _sinkhorn_of_logarithms(scores / epsilon, iterations)
    rows = scores.shape[0] * distributed.world_size()
    # The same constant for all ranks and rows: one per row would change the first column sums.
    q = ((scores - distributed.maximum(scores.max())) / epsilon).exp()
    q /= distributed.total(q.sum())
    for _ in range(iterations):
        q /= distributed.total(q.sum(0, keepdim=True))  # columns: every prototype gets 1 / K
        q /= q.shape[1]
        q /= q.sum(1, keepdim=True)  # rows: every sample gets 1 / N
        q /= rows
    # The algorithm works on a distribution over all N x K entries; the codes are one per row.
    return q.mul_(rows)


def _sinkhorn_of_logarithms(log_q: Float[Tensor, "N K"], iterations: int) -> Float[Tensor, "N K"]:
    """Return the same codes from log Q: slower, but no row and no prototype is rounded to zero."""
    for _ in range(iterations):
        largest = distributed.maximum(log_q.amax(0))
        log_q = log_q - largest - distributed.total((log_q - largest).exp().sum(0)).log()
        log_q = log_q.log_softmax(1)
    return log_q.exp()


@full_precision
def swapped_prediction(
    scores: Float[Tensor, "V B K"], codes: Float[Tensor, "A B K"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return the mean of -sum_k q_k log p_k over pairs of a code q and another view (eq. 1-2).

    p = softmax(scores / temperature) over the prototypes. Total collapse (all scores equal) gives
    ln K.

    Args:
        scores: cosine of each projection with each prototype; the views with codes come first.
        codes: q of the first A views; no gradient flows into them.
        temperature: of the softmax over the prototypes; 0.1 in the paper.
    """
    views, rows = scores.shape[:2]
    log_p = (scores / temperature).log_softmax(dim=2)
    cross_entropy = -torch.einsum("abk,vbk->av", codes.detach(), log_p) / rows
    own = cross_entropy.diagonal().sum()  # a view does not predict its own code
    return (cross_entropy.sum() - own) / (len(codes) * (views - 1))
