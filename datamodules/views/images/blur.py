"""Random Gaussian blur as weighted sums of rows and of columns."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.datamodules.views.images.separable import Taps, mix
from manyviews.errors import ConfigError
from manyviews.ranges import Share, Size, Strength, within_ranges


class Blur(RandomApply):
    """A Gaussian of random width on an image reflected at its borders: torchvision's GaussianBlur.

    Args:
        probability: chance that a sample is blurred, 0 to 1.
        sigma: smallest and largest standard deviation in pixels; [0.1, 2.0] in the papers.
        kernel_size: odd number of pixels; 23 for images of 224 pixels.
    """

    draws = 2  # apply, sigma

    @within_ranges
    def __init__(self, probability: Share, sigma: list[Strength], kernel_size: Size) -> None:
        super().__init__(probability)
        if len(sigma) != 2 or not 0 < sigma[0] <= sigma[1]:
            raise ConfigError(f"blur sigma={list(sigma)}; allowed: [low, high], 0 < low <= high")
        if kernel_size % 2 == 0:
            raise ConfigError(f"blur kernel_size={kernel_size}; allowed: odd, 1 or more")
        self.sigma, self.kernel_size = sigma, kernel_size

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the same height and width.

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
        """Return blurred images if their first draw is below the probability."""
        height, width = image.shape[2:]
        low, high = self.sigma
        kernel = gaussian(low + (high - low) * draws[:, 1], self.kernel_size)

        def blur(image: Tensor, rows: Tensor | slice) -> Tensor:
            weight = kernel[rows]
            return mix(image, blur_taps(weight, height), blur_taps(weight, width))

        return self.change_some(draws[:, 0], image, blur)


def gaussian(sigma: Float[Tensor, " B"], kernel_size: int) -> Float[Tensor, "B {kernel_size}"]:
    """Return the kernel of each sample: Gaussian weights that sum to 1."""
    offset = torch.arange(kernel_size, device=sigma.device) - kernel_size // 2
    kernel = (-0.5 * (offset / sigma[:, None]).square()).exp()
    return kernel / kernel.sum(1, keepdim=True)


def blur_taps(kernel: Float[Tensor, "B k"], size: int) -> Taps:
    """Return the map that blurs an axis of `size` pixels with the kernel of each sample."""
    offset = torch.arange(kernel.shape[1], device=kernel.device) - kernel.shape[1] // 2
    source = torch.arange(size, device=kernel.device)[:, None] + offset
    # Reflect at both ends: -1 becomes 1, and `size` becomes `size - 2`.
    source = (size - 1) - ((size - 1) - source.abs()).abs()
    return Taps(source.expand(len(kernel), -1, -1), kernel[:, None].expand(-1, size, -1))
