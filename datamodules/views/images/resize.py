"""Antialiased resize of a box of pixels along one axis, as a linear map."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.separable import Taps

Interpolation = Literal["bilinear", "bicubic"]


def _triangle(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Float[Tensor, ...], a: float = -0.5) -> Float[Tensor, ...]:
    """Return Keys' cubic with a = -0.5, as Pillow, and torch with antialias, resize."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


# The filter of each interpolation, and the distance at which it falls to 0.
SUPPORT = {"bilinear": (1.0, _triangle), "bicubic": (2.0, _cubic)}


class Resize(NamedTuple):
    """A resize of boxes of one axis to a given number of pixels, antialiased.

    Attributes:
        size: pixels of the axis.
        out: pixels of the result.
        interpolation: filter.
    """

    size: int
    out: int
    interpolation: Interpolation

    @property
    def most(self) -> int:
        """The largest number of old pixels that a new one is made of."""
        return math.ceil(2 * SUPPORT[self.interpolation][0] * max(self.size / self.out, 1))

    def __call__(self, start: Int64[Tensor, " B"], length: Int64[Tensor, " B"]) -> Taps:
        """Return the maps of the boxes start..start+length-1.

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
        # Places beyond the axis have weight 0, but must still name a pixel that exists.
        index = (source.long() + start[:, None, None]).clamp_(max=self.size - 1)
        return Taps(index, weight / weight.sum(-1, keepdim=True))
