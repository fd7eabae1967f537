"""Random brightness and contrast in a random order, as torchvision's ColorJitter."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.errors import ConfigError

GREY = (0.2989, 0.587, 0.114)  # ITU-R 601 as torchvision rounds it


class Jitter:
    """Brightness and contrast factors from [max(0, 1 - s), 1 + s], in a random order per sample.

    Args:
        probability: that a sample is changed at all, 0 to 1.
        brightness: strength s of the factor on the pixels.
        contrast: strength s of the factor on the distance to the image's mean grey.
    """

    draws = 4  # apply, order, brightness, contrast

    def __init__(self, probability: float, brightness: float, contrast: float) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"jitter probability={probability}; allowed: 0 to 1")
        if min(brightness, contrast) < 0:
            raise ConfigError(f"jitter strengths are {brightness}, {contrast}; allowed: 0 or more")
        self.probability, self.brightness, self.contrast = probability, brightness, contrast

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged."""
        return height, width

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 4"]
    ) -> Float[Tensor, "B C H W"]:
        """Changed where the first draw is below the probability."""
        apply, order, brightness, contrast = draws[..., None, None].unbind(1)
        apply, order = apply[:, None] < self.probability, order[:, None] < 0.5
        # A factor of 1 is the identity: it stands for "not applied" and for "not in this order".
        bright = torch.where(apply, _factor(brightness[:, None], self.brightness), 1.0)
        strong = torch.where(apply, _factor(contrast[:, None], self.contrast), 1.0)
        image = adjust_brightness(image, torch.where(order, bright, 1.0))
        image = adjust_contrast(image, strong)
        return adjust_brightness(image, torch.where(order, 1.0, bright))


def _factor(draw: Float[Tensor, "B 1 1 1"], strength: float) -> Float[Tensor, "B 1 1 1"]:
    low = max(0.0, 1.0 - strength)
    return low + (1.0 + strength - low) * draw


def adjust_brightness(
    image: Float[Tensor, "B C H W"], factor: Float[Tensor, "B 1 1 1"]
) -> Float[Tensor, "B C H W"]:
    """clamp(factor * image, 0, 1)."""
    return (factor * image).clamp(0, 1)


def adjust_contrast(
    image: Float[Tensor, "B C H W"], factor: Float[Tensor, "B 1 1 1"]
) -> Float[Tensor, "B C H W"]:
    """clamp(factor * image + (1 - factor) * mean grey of the image, 0, 1)."""
    if image.shape[1] == 3:
        weight = image.new_tensor(GREY).view(1, 3, 1, 1)
        grey = (weight * image).sum(1, keepdim=True)
    else:
        grey = image
    mean = grey.mean((1, 2, 3), keepdim=True)
    return (factor * image + (1 - factor) * mean).clamp(0, 1)
