"""Random inversion of bright pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.ranges import Share, within_ranges


class Solarize(RandomApply):
    """Pixels at or above a threshold are inverted: torchvision's RandomSolarize.

    Args:
        probability: chance that an image is changed, 0 to 1.
        threshold: 0 to 1; 128 / 255 in the papers' code, whose images are bytes.
    """

    draws = 1

    @within_ranges
    def __init__(self, probability: Share, threshold: Share = 128 / 255) -> None:
        super().__init__(probability)
        self.threshold = threshold

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Return solarized images if their draw is below the probability."""
        # No pixel reaches an infinite threshold: the images of these samples stay.
        threshold = torch.where(draws < self.probability, self.threshold, torch.inf)
        inverted = image.clone().ge_(threshold[..., None, None])
        return torch.lerp(image, 1 - image, inverted)  # several times faster than torch.where
