"""Random conversion to grey."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply

WEIGHTS = (0.2989, 0.587, 0.114)  # ITU-R 601 as torchvision rounds it


class Grayscale(RandomApply):
    """Every channel becomes the grey of the pixel: torchvision's RandomGrayscale.

    Args:
        probability: chance that an image is changed, 0 to 1.
    """

    draws = 1

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Return grey images if their draw is below the probability."""
        return self.choose(draws[:, 0], luma(image), image)


def luma_weights(channels: int, like: Tensor) -> Float[Tensor, " {channels}"]:
    """Return the weight of each channel in the grey; equal weights unless there are three."""
    return like.new_tensor(WEIGHTS if channels == 3 else [1 / channels] * channels)


def luma(image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
    """Return the grey of each pixel: the weighted sum of its channels."""
    channels, height, width = image.shape[1:]
    if channels == 1:
        return image
    # On flat pixels a matrix product is the fastest weighted sum.
    grey = luma_weights(channels, image) @ image.flatten(2)
    return grey.view(-1, 1, height, width)
