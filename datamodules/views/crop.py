"""Random resized crop as two batched matrix products per sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, Shaped, UInt8
from torch import Tensor

from manyviews.errors import ConfigError

Matrix = Float[Tensor, "... _ _"]  # (B, new, old), of rows or columns; (old, old) is the identity
Folded = tuple[Matrix, Matrix]
Interpolation = Literal["bilinear", "bicubic"]
TABLE_BYTES = 2**25  # 32 MiB: axes of up to 53 pixels at their own size
LARGE = 96  # pixels, from where on a CPU resizes and blurs image by image
TRIES = 10  # of torchvision, before it falls back to a centre crop


class Box(NamedTuple):
    """Where each crop lies, int64 (B,) in pixels."""

    top: Int64[Tensor, " B"]
    left: Int64[Tensor, " B"]
    height: Int64[Tensor, " B"]
    width: Int64[Tensor, " B"]


class Crop:
    """A box of random area and shape, resized with antialias: torchvision's RandomResizedCrop.

    Args:
        size: pixels of the square that comes out; null keeps the size of the data.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width / height.
        interpolation: filter of the resize.
    """

    draws = 2 * TRIES + 2  # area and shape of every try, top, left

    def __init__(
        self,
        size: int | None,
        scale: list[float],
        ratio: list[float],
        interpolation: Interpolation = "bilinear",
    ) -> None:
        if size is not None and size < 1:
            raise ConfigError(f"crop size={size}; allowed: 1 or more pixels, or null")
        check_box("crop", scale, ratio)
        self.out, self.scale, self.ratio = size, scale, ratio
        self.interpolation: Interpolation = interpolation

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The square of `size` pixels, or the size of the data."""
        return (self.out, self.out) if self.out else (height, width)

    def boxes(self, height: int, width: int, draws: Float[Tensor, "B n"]) -> Box:
        """The first of ten tries that fits into the image, else the largest centred box."""
        w, h = shapes(height * width, self.scale, self.ratio, draws)
        fits = (0 < w) & (w <= width) & (0 < h) & (h <= height)
        w, h, centre = first_fitting(w, h, fits, self._fallback(height, width))
        top = torch.where(centre, (height - h) // 2, place(draws[:, -2], height - h))
        left = torch.where(centre, (width - w) // 2, place(draws[:, -1], width - w))
        return Box(top, left, h, w)

    def _fallback(self, height: int, width: int) -> tuple[int, int]:
        """Width and height of the largest box whose shape is allowed."""
        if width / height < self.ratio[0]:
            return width, round(width / self.ratio[0])
        if width / height > self.ratio[1]:
            return round(height * self.ratio[1]), height
        return width, height

    def __call__(
        self,
        image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
        draws: Float[Tensor, "B n"],
    ) -> Float[Tensor, "B C h w"]:
        """The box of every image as an image of the size that comes out, in [0, 1]."""
        height, width = image.shape[2:]
        size = self.size(height, width)
        if not dense(image.device, height, width, *size):
            box = self.boxes(height, width, draws)
            return _one_by_one(image, box, size, self.interpolation)
        rows, columns = self.matrices(height, width, draws)
        image = scaled(image)
        resized = two_sided(rows.to(image), image, columns.to(image))
        # Bicubic overshoots; torchvision clamps only uint8 images, an image must stay one.
        return resized.clamp(0, 1) if self.interpolation == "bicubic" else resized

    def cut(
        self, image: UInt8[Tensor, "C H W"], draws: Float[Tensor, "1 n"], size: tuple[int, int]
    ) -> UInt8[Tensor, "C h w"]:
        """The crop of one image in bytes, which a worker makes of what it decoded.

        Args:
            image: of any size.
            draws: its numbers.
            size: height and width where the crop keeps the size of the data.
        """
        box = self.boxes(image.shape[1], image.shape[2], draws)
        top, left, height, width = (int(side) for side in box)
        return cut(image, (top, left, height, width), self.size(*size), self.interpolation)

    def matrices(
        self, height: int, width: int, draws: Float[Tensor, "B n"]
    ) -> tuple[Float[Tensor, "B h {height}"], Float[Tensor, "B w {width}"]]:
        """Row matrix @ image @ column matrix^T is the crop: sparse bands, but small and batched."""
        box = self.boxes(height, width, draws)
        h, w = self.size(height, width)
        rows = _looked_up(box.top, box.height, height, h, self.interpolation)
        columns = _looked_up(box.left, box.width, width, w, self.interpolation)
        return rows, columns

    def fold(self, rows: Matrix, columns: Matrix, draws: Float[Tensor, "B n"]) -> Folded:
        """Both matrices behind those."""
        then = self.matrices(rows.shape[-2], columns.shape[-2], draws)
        return after(then[0], rows), after(then[1], columns)


def after(second: Matrix, first: Matrix) -> Matrix:
    """The product second @ first; a first without samples is the identity."""
    return second if first.ndim == 2 else torch.bmm(second, first)


def scaled(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
) -> Float[Tensor, "B C H W"]:
    """Bytes as float32 in [0, 1]; what is scaled already stays."""
    return image.float() / 255 if image.dtype == torch.uint8 else image


def applied(
    operation: Callable[..., Tensor],
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
    draws: Float[Tensor, "B _"],
) -> Float[Tensor, "B C h w"]:
    """The operation's image: a crop takes bytes, which a CPU resizes fastest, all others floats."""
    return operation(image if isinstance(operation, Crop) else scaled(image), draws)


def dense(device: torch.device, *sizes: int) -> bool:
    """Whether full matrices are the fastest way to mix rows and columns of these sizes.

    Always where products are cheap; on a CPU their cubic cost loses to loops from 96 pixels on.
    """
    return device.type != "cpu" or max(sizes) < LARGE


def cut(
    image: UInt8[Tensor, "C H W"] | Float[Tensor, "C H W"],
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    interpolation: Interpolation,
) -> UInt8[Tensor, "C h w"] | Float[Tensor, "C h w"]:
    """One box (top, left, height, width) of one image, resized; bytes stay bytes, as torchvision's.

    Floats may leave [0, 1] where the filter is bicubic.
    """
    top, left, height, width = box
    piece = image[None, :, top : top + height, left : left + width]
    return F.interpolate(piece, size=size, mode=interpolation, antialias=True)[0]


def _one_by_one(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
    box: Box,
    size: tuple[int, int],
    interpolation: Interpolation,
) -> Float[Tensor, "B C h w"]:
    """For a CPU, where the integers of the boxes can be read without waiting for a device."""
    scale = 255 if image.dtype == torch.uint8 else 1
    dtype = torch.float32 if image.dtype == torch.uint8 else image.dtype
    resized = image.new_empty(len(image), image.shape[1], *size, dtype=dtype)
    for out, picture, *at in zip(resized, image, *(side.tolist() for side in box), strict=True):
        piece = cut(picture, (at[0], at[1], at[2], at[3]), size, interpolation)
        out.copy_(piece).div_(scale)  # two passes over one image are faster than a mixed division
    return resized if scale == 255 else resized.clamp_(0, 1)


def check_box(operation: str, scale: list[float], ratio: list[float]) -> None:
    """Compare the ranges of a random box with what is allowed.

    Raises:
        ConfigError: empty or impossible.
    """
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ConfigError(
            f"{operation} scale={list(scale)}; allowed: [low, high], 0 < low <= high <= 1"
        )
    if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1]:
        raise ConfigError(f"{operation} ratio={list(ratio)}; allowed: [low, high], 0 < low <= high")


def shapes(
    area: int, scale: list[float], ratio: list[float], draws: Float[Tensor, "B _"]
) -> tuple[Int64[Tensor, "B n"], Int64[Tensor, "B n"]]:
    """The sides sqrt(a r) and sqrt(a / r) in pixels of every try, of a share a and a ratio r."""
    share = scale[0] + (scale[1] - scale[0]) * draws[:, :TRIES].double()
    low, high = math.log(ratio[0]), math.log(ratio[1])
    r = torch.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES].double())
    a = share * area
    return (a * r).sqrt().round().long(), (a / r).sqrt().round().long()


def first_fitting(
    first: Int64[Tensor, "B n"],
    second: Int64[Tensor, "B n"],
    fits: Bool[Tensor, "B n"],
    fallback: tuple[int, int],
) -> tuple[Int64[Tensor, " B"], Int64[Tensor, " B"], Bool[Tensor, " B"]]:
    """The sides of the first try that fits, else the fallback's; and where that was taken."""
    tried = F.pad(fits.int(), (0, 1), value=1).argmax(1, keepdim=True)  # the first of equals
    sides = [
        F.pad(side, (0, 1), value=last).gather(1, tried)[:, 0]
        for side, last in zip((first, second), fallback, strict=True)
    ]
    return sides[0], sides[1], tried[:, 0] == fits.shape[1]


def place(draw: Float[Tensor, " B"], room: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """An integer of 0..room, uniformly."""
    return (draw.double() * (room + 1)).long()


def two_sided(
    rows: Float[Tensor, "B h H"], image: Float[Tensor, "B C H W"], columns: Float[Tensor, "B w W"]
) -> Float[Tensor, "B C h w"]:
    """Rows @ image @ columns^T of every channel, as two products per sample for all channels."""
    return mixed(rows, side_by_side(image), columns)


def side_by_side(image: Shaped[Tensor, "B C H W"]) -> Shaped[Tensor, "B H CW"]:
    """The channels beside each other, so that one product mixes the rows of all."""
    return image.transpose(1, 2).flatten(2)


def mixed(
    rows: Float[Tensor, "B h H"], wide: Float[Tensor, "B H CW"], columns: Float[Tensor, "B w W"]
) -> Float[Tensor, "B C h w"]:
    """`two_sided` of an image whose channels lie side by side."""
    count, width = len(wide), columns.shape[2]
    tall = torch.bmm(rows, wide).view(count, -1, width)
    resized = torch.bmm(tall, columns.mT).view(count, rows.shape[1], wide.shape[2] // width, -1)
    return resized.transpose(1, 2).contiguous()


def _looked_up(
    start: Int64[Tensor, " B"],
    length: Int64[Tensor, " B"],
    size: int,
    out: int,
    interpolation: Interpolation,
) -> Float[Tensor, "B {out} {size}"]:
    """The resize matrices, from a table of all of them where that is small."""
    if size**3 * out * 4 > TABLE_BYTES:
        return resize_matrix(start, length, size, out, interpolation)
    return _table(size, out, interpolation, start.device)[start * size + length - 1]


@lru_cache(maxsize=8)
def _table(
    size: int, out: int, interpolation: Interpolation, device: torch.device
) -> Float[Tensor, "pairs {out} {size}"]:
    """Of every start and length; those that reach beyond the axis are never looked up."""
    start, length = torch.cartesian_prod(
        torch.arange(size, device=device), torch.arange(1, size + 1, device=device)
    ).unbind(1)
    return resize_matrix(start, length, size, out, interpolation)


def _triangle(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Float[Tensor, ...], a: float = -0.5) -> Float[Tensor, ...]:
    """Keys' cubic with a = -0.5: what Pillow, and torch with antialias, resize with."""
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


SUPPORT = {"bilinear": (1.0, _triangle), "bicubic": (2.0, _cubic)}


def resize_matrix(
    start: Int64[Tensor, " B"],
    length: Int64[Tensor, " B"],
    size: int,
    out: int,
    interpolation: Interpolation,
) -> Float[Tensor, "B {out} {size}"]:
    """Weights that resize pixels start..start+length-1 of an axis to `out` pixels, antialiased.

    Every row sums to 1; the filter widens when the axis shrinks and is cut at the box, as in
    Pillow and `torch.nn.functional.interpolate(antialias=True)`.
    """
    support, kernel = SUPPORT[interpolation]
    ratio = length.float()[:, None, None] / out
    scale = ratio.clamp(min=1.0)  # no wider than one pixel when enlarging
    target = torch.arange(out, device=start.device, dtype=torch.float32)[None, :, None]
    source = torch.arange(size, device=start.device)[None, None, :] - start[:, None, None]
    centre = ratio * (target + 0.5)
    first = (centre - support * scale + 0.5).floor().clamp(min=0)
    last = torch.minimum((centre + support * scale + 0.5).floor(), length[:, None, None].float())
    weight = kernel((source - centre + 0.5) / scale)
    weight = weight.where((source >= first) & (source < last), 0.0)
    return weight / weight.sum(-1, keepdim=True)
