"""InfoNCE of queries with the keys of a momentum network.

Chen, Xie, He: "An Empirical Study of Training Self-Supervised Vision Transformers" (MoCo v3), ICCV
2021, arXiv 2104.02057. Deviation, as in Hydra's code: without the factor 2 tau.
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
    """Mean of -log softmax of the own key among the keys of all ranks, over this rank's rows.

    Collapse gives ln N.

    Args:
        query: raw predictions of one view.
        key: raw projections of the other view by the momentum network; without gradient.
        temperature: tau; 1 in the paper for ResNet-50, 0.2 for ViT.
    """
    query, key = F.normalize(query, dim=1), F.normalize(key.detach(), dim=1)
    everyone = distributed.gather(key)
    own = distributed.share(torch.arange(len(everyone), device=query.device))
    return F.cross_entropy(query @ everyone.mT / temperature, own)
