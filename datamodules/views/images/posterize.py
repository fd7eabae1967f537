"""Random reduction of the number of brightness levels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.errors import ConfigError


class Posterize(RandomApply):
    """Every pixel, as a byte, keeps only its highest bits: torchvision's RandomPosterize.

    Args:
        probability: chance that an image is changed, 0 to 1.
        bits: bits kept of the eight, 0 to 8; 0 makes the image black.
    """

    draws = 1

    def __init__(self, probability: float, bits: int) -> None:
        super().__init__(probability)
        if not 0 <= bits <= 8:
            raise ConfigError(f"posterize bits={bits}; allowed: 0 to 8")
        self.bits = bits

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Return images with fewer levels if their draw is below the probability."""
        step = 2 ** (8 - self.bits)
        # Resized pixels lie between bytes: round before the low bits are cut off.
        level = (image * 255).round_().div_(step).floor_().mul_(step / 255)
        return self.choose(draws[:, 0], level, image)
