"""MoCo v3: InfoNCE between queries and the keys of a momentum network.

Chen, Xie, He: "An Empirical Study of Training Self-Supervised Vision Transformers" (MoCo v3), ICCV
2021, arXiv 2104.02057, eq. 1. Deviation: the loss is not multiplied by 2 tau, as in Hydra's code.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.losses.precision import full_precision

__all__ = ["moco"]


@full_precision
def moco(
    query: Float[Tensor, "B P"], key: Float[Tensor, "B P"], *, temperature: float
) -> Float[Tensor, ""]:
    """Return the mean of -log(e^(q k+ / tau) / sum_k e^(q k / tau)) over this rank's rows.

    k+ is the key of the same row, k runs over the keys of all ranks; q and k are normalised here.
    The mean over ranks is the loss of the joined batch. Total collapse gives ln N.

    Args:
        query: q, raw predictions of one view.
        key: k, raw projections of the other view by the momentum network; no gradient flows there.
        temperature: tau; 1 in the paper for ResNet-50, 0.2 for ViT.
    """
    query, key = F.normalize(query, dim=1), F.normalize(key.detach(), dim=1)
    everyone = distributed.gather(key)
    # Among the keys of all ranks, the positive of a row is the key with the row's own number.
    own = distributed.local_rows(torch.arange(len(everyone), device=query.device))
    return F.cross_entropy(query @ everyone.mT / temperature, own)
