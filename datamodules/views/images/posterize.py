"""Random reduction of the number of brightness levels."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.ranges import Share, within_ranges


class Posterize(RandomApply):
    """Every pixel, as a byte, keeps only its highest bits: torchvision's RandomPosterize.

    Args:
        probability: chance that an image is changed, 0 to 1.
        bits: bits kept of the eight, 0 to 8; 0 makes the image black.
    """

    draws = 1

    @within_ranges
    def __init__(self, probability: Share, bits: Annotated[int, Ge(0), Le(8)]) -> None:
        super().__init__(probability)
        self.bits = bits

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Return images with fewer levels if their draw is below the probability."""
        step = 2 ** (8 - self.bits)
        # Resized pixels lie between bytes: round before the low bits are cut off.
        level = (image * 255).round_().div_(step).floor_().mul_(step / 255)
        return self.choose(draws[:, 0], level, image)
