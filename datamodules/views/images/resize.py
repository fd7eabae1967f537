"""Which pixels of a box each pixel of its resized image is made of."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.separable import Taps

Interpolation = Literal["bilinear", "bicubic"]
TABLE_BYTES = 2**25  # 32 MiB: bilinear, axes of up to 111 pixels at their own size


def _triangle(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Float[Tensor, ...], a: float = -0.5) -> Float[Tensor, ...]:
    """Keys' cubic with a = -0.5: what Pillow, and torch with antialias, resize with."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


SUPPORT = {"bilinear": (1.0, _triangle), "bicubic": (2.0, _cubic)}


class Resize(NamedTuple):
    """How boxes of an axis become another number of pixels, antialiased.

    Attributes:
        size: pixels of the axis.
        out: pixels that come out.
        interpolation: filter.
    """

    size: int
    out: int
    interpolation: Interpolation

    def __call__(self, start: Int64[Tensor, " B"], length: Int64[Tensor, " B"]) -> Taps:
        """Of the boxes start..start+length-1; from a table of all of them where that is small."""
        if self.size**2 * self.out * self.most * 12 > TABLE_BYTES:
            return self.computed(start, length)
        return _table(self, start.device).of(start * self.size + length - 1)

    @property
    def most(self) -> int:
        """The most old pixels that a new one is made of."""
        return math.ceil(2 * SUPPORT[self.interpolation][0] * max(self.size / self.out, 1))

    def computed(self, start: Int64[Tensor, " B"], length: Int64[Tensor, " B"]) -> Taps:
        """The same without a table.

        The weights of a pixel sum to 1; the filter widens when the axis shrinks and is cut at the
        box, as in Pillow and `torch.nn.functional.interpolate(antialias=True)`.
        """
        support, kernel = SUPPORT[self.interpolation]
        ratio = length.float()[:, None, None] / self.out
        scale = ratio.clamp(min=1.0)  # no wider than one pixel when enlarging
        target = torch.arange(self.out, device=start.device, dtype=torch.float32)[None, :, None]
        centre = ratio * (target + 0.5)
        first = (centre - support * scale + 0.5).floor().clamp(min=0)
        last = (centre + support * scale + 0.5).floor()
        last = torch.minimum(last, length[:, None, None].float())
        source = first + torch.arange(self.most, device=start.device)
        weight = kernel((source - centre + 0.5) / scale).where(source < last, 0.0)
        index = (source.long() + start[:, None, None]).clamp_(max=self.size - 1)
        return Taps(index, weight / weight.sum(-1, keepdim=True))


@lru_cache(maxsize=8)
def _table(resize: Resize, device: torch.device) -> Taps:
    """Of every start and length; those that reach beyond the axis are never looked up."""
    start, length = torch.cartesian_prod(
        torch.arange(resize.size, device=device), torch.arange(1, resize.size + 1, device=device)
    ).unbind(1)
    return resize.computed(start, length)
