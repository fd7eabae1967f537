"""Which pixels of a box each pixel of its resized image is made of."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.taps import Taps

Interpolation = Literal["bilinear", "bicubic"]
TABLE_BYTES = 2**25  # 32 MiB: bilinear, axes of up to 111 pixels at their own size


def resize_taps(
    start: Int64[Tensor, " B"],
    length: Int64[Tensor, " B"],
    size: int,
    out: int,
    interpolation: Interpolation,
) -> Taps:
    """What resizes pixels start..start+length-1 of an axis of `size` to `out`, antialiased.

    From a table of all boxes where that is small.
    """
    if size**2 * out * count(size, out, interpolation) * 12 > TABLE_BYTES:
        return computed_taps(start, length, size, out, interpolation)
    return _table(size, out, interpolation, start.device).of(start * size + length - 1)


@lru_cache(maxsize=8)
def _table(size: int, out: int, interpolation: Interpolation, device: torch.device) -> Taps:
    """Of every start and length; those that reach beyond the axis are never looked up."""
    start, length = torch.cartesian_prod(
        torch.arange(size, device=device), torch.arange(1, size + 1, device=device)
    ).unbind(1)
    return computed_taps(start, length, size, out, interpolation)


def _triangle(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Float[Tensor, ...], a: float = -0.5) -> Float[Tensor, ...]:
    """Keys' cubic with a = -0.5: what Pillow, and torch with antialias, resize with."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


SUPPORT = {"bilinear": (1.0, _triangle), "bicubic": (2.0, _cubic)}


def count(size: int, out: int, interpolation: Interpolation) -> int:
    """The most old pixels that a new one is made of."""
    return math.ceil(2 * SUPPORT[interpolation][0] * max(size / out, 1))


def computed_taps(
    start: Int64[Tensor, " B"],
    length: Int64[Tensor, " B"],
    size: int,
    out: int,
    interpolation: Interpolation,
) -> Taps:
    """`resize_taps` without a table.

    The weights of a pixel sum to 1; the filter widens when the axis shrinks and is cut at the box,
    as in Pillow and `torch.nn.functional.interpolate(antialias=True)`.
    """
    support, kernel = SUPPORT[interpolation]
    ratio = length.float()[:, None, None] / out
    scale = ratio.clamp(min=1.0)  # no wider than one pixel when enlarging
    target = torch.arange(out, device=start.device, dtype=torch.float32)[None, :, None]
    centre = ratio * (target + 0.5)
    first = (centre - support * scale + 0.5).floor().clamp(min=0)
    last = torch.minimum((centre + support * scale + 0.5).floor(), length[:, None, None].float())
    source = first + torch.arange(count(size, out, interpolation), device=start.device)
    weight = kernel((source - centre + 0.5) / scale).where(source < last, 0.0)
    index = (source.long() + start[:, None, None]).clamp_(max=size - 1)
    return Taps(index, weight / weight.sum(-1, keepdim=True))
