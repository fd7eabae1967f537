"""Random Gaussian blur as two batched matrix products per sample."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.crop import Folded, Matrix, after, dense, two_sided
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
        height, width = image.shape[2:]
        kernel = gaussian(self._sigma(draws), self.kernel_size)
        if not dense(image.device, height, width):
            return self._one_by_one(image, kernel.to(image), draws[:, 0].tolist())
        rows, columns = blur_matrix(kernel, height).to(image), blur_matrix(kernel, width).to(image)
        return self.choose(draws[:, 0], two_sided(rows, image, columns), image)

    def fold(self, rows: Matrix, columns: Matrix, draws: Float[Tensor, "B 2"]) -> Folded:
        """Both axes of the image behind those matrices blurred."""
        kernel = gaussian(self._sigma(draws), self.kernel_size)
        apply = (draws[:, 0] < self.probability)[:, None, None]
        matrices = []
        for before in (rows, columns):
            size = before.shape[-2]
            same = torch.eye(size, device=draws.device)
            blur = torch.where(apply, blur_matrix(kernel, size), same)
            matrices.append(after(blur, before))
        return matrices[0], matrices[1]

    def _sigma(self, draws: Float[Tensor, "B 2"]) -> Float[Tensor, " B"]:
        low, high = self.sigma
        return low + (high - low) * draws[:, 1]

    def _one_by_one(
        self, image: Float[Tensor, "B C H W"], kernel: Float[Tensor, "B k"], draws: list[float]
    ) -> Float[Tensor, "B C H W"]:
        """For a CPU: pass by pass over images that stay in its cache, and only over the blurred."""
        blurred = [
            convolve(convolve(picture, weight, 1), weight, 2)
            if draw < self.probability
            else picture
            for picture, weight, draw in zip(image, kernel, draws, strict=True)
        ]
        return torch.stack(blurred)


def gaussian(sigma: Float[Tensor, " B"], kernel_size: int) -> Float[Tensor, "B {kernel_size}"]:
    """Weights of the pixels around each, which sum to 1."""
    offset = torch.arange(kernel_size, device=sigma.device) - kernel_size // 2
    kernel = (-0.5 * (offset / sigma[:, None]).square()).exp()
    return kernel / kernel.sum(1, keepdim=True)


def blur_matrix(kernel: Float[Tensor, "B k"], size: int) -> Float[Tensor, "B {size} {size}"]:
    """Weights that blur an axis of `size` pixels, mirrored at its ends without their repetition."""
    count, kernel_size = kernel.shape
    offset = torch.arange(kernel_size, device=kernel.device) - kernel_size // 2
    source = torch.arange(size, device=kernel.device)[:, None] + offset
    source = (size - 1) - ((size - 1) - source.abs()).abs()
    weight = kernel[:, None].expand(-1, size, -1)
    index = source.expand(count, -1, -1)
    return kernel.new_zeros(count, size, size).scatter_add(2, index, weight)


def convolve(
    image: Float[Tensor, "C H W"], kernel: Float[Tensor, " k"], axis: int
) -> Float[Tensor, "C H W"]:
    """The same along one axis as a sum of shifted images."""
    reach, size = len(kernel) // 2, image.shape[axis]
    padding = (0, 0, reach, reach) if axis == 1 else (reach, reach, 0, 0)
    padded = F.pad(image, padding, mode="reflect")
    blurred = torch.zeros_like(image)
    for shift, weight in enumerate(kernel):
        blurred.addcmul_(padded.narrow(axis, shift, size), weight)
    return blurred
