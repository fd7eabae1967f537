"""InfoNCE between two views of a batch.

Chen, Kornblith, Norouzi, Hinton: "A Simple Framework for Contrastive Learning of Visual
Representations" (SimCLR), ICML 2020, arXiv 2002.05709: NT-Xent, eq. 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["info_nce"]


@full_precision
def info_nce(
    z1: Float[Tensor, "B P"], z2: Float[Tensor, "B P"], *, temperature: float
) -> Float[Tensor, ""]:
    """Mean over both views of -log softmax of the other view among all others (eq. 1).

    Every row is compared with the 2 N - 1 other rows of both views on all ranks. The loss is that
    of this rank's rows; its mean over ranks is that of the joined batch. Total collapse gives
    ln(2 N - 1).

    Args:
        z1: raw projections of the first view.
        z2: raw projections of the second view.
        temperature: tau; 0.1 for long training, 0.5 for short.
    """
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    all_1, all_2 = distributed.gather(z1), distributed.gather(z2)
    rows = distributed.share(torch.arange(len(all_1), device=z1.device))
    return (_one_way(z1, all_2, all_1, rows, temperature)
            + _one_way(z2, all_1, all_2, rows, temperature)) / 2  # fmt: skip


def _one_way(
    z: Float[Tensor, "B P"],
    other: Float[Tensor, "N P"],
    same: Float[Tensor, "N P"],
    rows: Tensor,
    temperature: float,
) -> Float[Tensor, ""]:
    """Rows find themselves in the other view; in their own view they are left out."""
    itself = F.one_hot(rows, len(same)).bool()
    within = (z @ same.mT).masked_fill(itself, -torch.inf)
    return F.cross_entropy(torch.cat([z @ other.mT, within], 1) / temperature, rows)
