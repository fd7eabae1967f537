"""Random conversion to grey."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.colour_map import ColourMap
from manyviews.datamodules.views.images.random_apply import Sometimes

WEIGHTS = (0.2989, 0.587, 0.114)  # ITU-R 601 as torchvision rounds it


class Grayscale(Sometimes):
    """Every channel becomes the grey of the pixel.

    Args:
        probability: 0 to 1.
    """

    draws = 1

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Grey where the draw is below the probability."""
        return self.choose(draws[:, 0], luma(image), image)

    def colour_map(self, draws: Float[Tensor, "B 1"], channels: int) -> ColourMap:
        """Every channel becomes the same weighted sum of all; the image's mean counts nothing."""
        same = torch.eye(channels, device=draws.device).expand(len(draws), -1, -1)
        grey = luma_weights(channels, draws).expand(channels, -1)
        return ColourMap(self.choose(draws[:, 0], grey, same), torch.zeros_like(same))


def luma_weights(channels: int, like: Tensor) -> Float[Tensor, " {channels}"]:
    """What each channel counts in the grey; equally if there are not three."""
    return like.new_tensor(WEIGHTS if channels == 3 else [1 / channels] * channels)


def luma(image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """The grey of each pixel; of images that do not have three channels their mean."""
    channels, height, width = image.shape[1:]
    if channels == 1:
        return image
    grey = luma_weights(channels, image) @ image.flatten(2)  # the fastest weighted sum
    return grey.view(-1, 1, height, width)
