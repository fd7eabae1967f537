"""BYOL: the prediction of one view meets the target projection of another.

Grill et al.: "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS 2020,
arXiv 2006.07733, eq. 2.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews.losses.precision import full_precision

__all__ = ["byol"]


@full_precision
def byol(prediction: Float[Tensor, "B P"], target: Float[Tensor, "B P"]) -> Float[Tensor, ""]:
    """2 - 2 cos, the squared distance of the normalised rows (eq. 2), mean over this rank's rows.

    Between 0 and 4; collapse gives 0, so the value tells nothing of the representation.

    Args:
        prediction: of the network that learns.
        target: raw projections of the momentum network; without gradient.
    """
    return 2 - 2 * F.cosine_similarity(prediction, target.detach(), dim=1).mean()
