"""BYOL: a network predicts the momentum network's projection of another view.

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
    """Return ||q / |q| - z / |z| ||^2 = 2 - 2 cos(q, z) (eq. 2), the mean over this rank's rows.

    It lies between 0 and 4. Total collapse gives 0, so a low value does not mean a good
    representation.

    Args:
        prediction: q, raw predictions of the network that learns.
        target: z, raw projections of the momentum network; no gradient flows into them.
    """
    # The target network learns by averaging alone; a gradient into it would lead to collapse.
    return 2 - 2 * F.cosine_similarity(prediction, target.detach(), dim=1).mean()
