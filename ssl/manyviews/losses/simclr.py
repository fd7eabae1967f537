"""SimCLR: InfoNCE between two views of a batch.

Chen, Kornblith, Norouzi, Hinton: "A Simple Framework for Contrastive Learning of Visual
Representations" (SimCLR), ICML 2020, arXiv 2002.05709: NT-Xent, eq. 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["info_nce"]


@full_precision
def info_nce(
    z1: Float[Tensor, "B P"], z2: Float[Tensor, "B P"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return the mean of -log(e^(s_ij / tau) / sum_{k != i} e^(s_ik / tau)) over rows i (eq. 1).

    s is the cosine, j is the other view of row i, and k runs over the 2 N - 1 other rows of both
    views on all ranks. The loss is that of this rank's rows; its mean over ranks is the loss of the
    joined batch. Total collapse gives ln(2 N - 1).

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        temperature: tau; in the paper 0.1 for long training, 0.5 for short.
    """
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    all_1, all_2 = distributed.gather(z1), distributed.gather(z2)
    rows = distributed.local_rows(torch.arange(len(all_1), device=z1.device))
    return (_one_way(z1, all_2, all_1, rows, temperature)
            + _one_way(z2, all_1, all_2, rows, temperature)) / 2  # fmt: skip


def _one_way(
    z: Float[Tensor, "B P"],
    other: Float[Tensor, "N P"],
    same: Float[Tensor, "N P"],
    rows: Int64[Tensor, " B"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Return the loss of the rows of one view: each must find itself in the other view.

    Args:
        z: normalised rows of this rank in one view.
        other: normalised rows of all ranks in the other view.
        same: normalised rows of all ranks in the view of `z`.
        rows: the place of each row of `z` among those of all ranks.
        temperature: tau.
    """
    # k != i: a row's cosine with itself, always 1, is left out of the denominator.
    itself = F.one_hot(rows, len(same)).bool()
    within = (z @ same.mT).masked_fill(itself, -torch.inf)
    return F.cross_entropy(torch.cat([z @ other.mT, within], 1) / temperature, rows)
