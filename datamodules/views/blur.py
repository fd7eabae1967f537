"""Random Gaussian blur as two batched matrix products per sample."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.crop import two_sided
from manyviews.datamodules.views.sometimes import Sometimes
from manyviews.errors import ConfigError


class Blur(Sometimes):
    """Gaussian of random width on a reflected image: torchvision's GaussianBlur.

    Args:
        probability: that a sample is blurred, 0 to 1.
        sigma: smallest and largest standard deviation in pixels; [0.1, 2.0] in the papers.
        kernel_size: odd number of pixels; 23 for images of 224 pixels.
    """

    draws = 2  # apply, sigma

    def __init__(self, probability: float, sigma: list[float], kernel_size: int) -> None:
        super().__init__(probability)
        if len(sigma) != 2 or not 0 < sigma[0] <= sigma[1]:
            raise ConfigError(f"blur sigma={list(sigma)}; allowed: [low, high], 0 < low <= high")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigError(f"blur kernel_size={kernel_size}; allowed: odd, 1 or more")
        self.sigma, self.kernel_size = sigma, kernel_size

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged.

        Raises:
            ConfigError: the kernel reaches beyond the reflected image.
        """
        if self.kernel_size // 2 >= min(height, width):
            raise ConfigError(
                f"blur kernel_size={self.kernel_size} is too large for {height} x {width} pixels; "
                f"type kernel_size={2 * min(height, width) - 1} or less"
            )
        return height, width

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 2"]
    ) -> Float[Tensor, "B C H W"]:
        """Blurred where the first draw is below the probability."""
        low, high = self.sigma
        sigma = low + (high - low) * draws[:, 1]
        rows = blur_matrix(sigma, image.shape[2], self.kernel_size).to(image)
        columns = blur_matrix(sigma, image.shape[3], self.kernel_size).to(image)
        blurred = two_sided(rows, image, columns)
        return self.choose(draws[:, 0], blurred, image)


def blur_matrix(
    sigma: Float[Tensor, " B"], size: int, kernel_size: int
) -> Float[Tensor, "B {size} {size}"]:
    """Weights that blur an axis of `size` pixels, mirrored at its ends without their repetition."""
    offset = torch.arange(kernel_size, device=sigma.device) - kernel_size // 2
    kernel = (-0.5 * (offset / sigma[:, None]).square()).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    source = torch.arange(size, device=sigma.device)[:, None] + offset
    source = (size - 1) - ((size - 1) - source.abs()).abs()
    weight = kernel[:, None].expand(-1, size, -1)
    index = source.expand(len(sigma), -1, -1)
    return sigma.new_zeros(len(sigma), size, size).scatter_add(2, index, weight)
