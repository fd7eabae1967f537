"""Random conversion to grey."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.errors import ConfigError

WEIGHTS = (0.2989, 0.587, 0.114)  # ITU-R 601 as torchvision rounds it


class Grayscale:
    """Every channel becomes the grey of the pixel.

    Args:
        probability: 0 to 1.
    """

    draws = 1

    def __init__(self, probability: float) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"grayscale probability={probability}; allowed: 0 to 1")
        self.probability = probability

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged."""
        return height, width

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Grey where the draw is below the probability."""
        return torch.where((draws < self.probability)[..., None, None], luma(image), image)


def luma(image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """The grey of each pixel; of images that do not have three channels their mean."""
    channels, height, width = image.shape[1:]
    if channels == 1:
        return image
    weights = WEIGHTS if channels == 3 else [1 / channels] * channels
    grey = image.new_tensor(weights) @ image.flatten(2)  # a product is the fastest weighted sum
    return grey.view(-1, 1, height, width)
