"""Random inversion of bright pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import Sometimes


class Solarize(Sometimes):
    """Pixels at or above the threshold are inverted.

    Args:
        probability: 0 to 1.
        threshold: 0 to 1; 128 / 255 in the papers' code, whose images are bytes.
    """

    draws = 1

    def __init__(self, probability: float, threshold: float = 128 / 255) -> None:
        super().__init__(probability)
        self.threshold = threshold

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Solarized where the draw is below the probability."""
        # Where it is not to be applied no pixel reaches the threshold.
        threshold = torch.where(draws < self.probability, self.threshold, torch.inf)
        inverted = image.clone().ge_(threshold[..., None, None])
        return torch.lerp(image, 1 - image, inverted)  # several times faster than torch.where
