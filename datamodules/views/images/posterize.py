"""Random reduction of the number of brightness levels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import Sometimes
from manyviews.errors import ConfigError


class Posterize(Sometimes):
    """Bytes keep their highest bits: torchvision's RandomPosterize.

    Args:
        probability: 0 to 1.
        bits: kept of the eight, 0 to 8; 0 is black.
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
        """Posterized where the draw is below the probability; the pixel is rounded to a byte."""
        step = 2 ** (8 - self.bits)
        level = (image * 255).round_().div_(step).floor_().mul_(step / 255)
        return self.choose(draws[:, 0], level, image)
