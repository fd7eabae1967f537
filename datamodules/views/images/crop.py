"""Random resized crop as weighted sums of rows and of columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from manyviews.datamodules.views.images.resize import Interpolation, Resize
from manyviews.datamodules.views.images.separable import LARGE, Taps, dense, mixed
from manyviews.datamodules.views.images.step import scaled
from manyviews.errors import ConfigError

TRIES = 10  # of torchvision, before it falls back to a centre crop


class Box(NamedTuple):
    """Where each crop lies, int64 (B,) in pixels."""

    top: Int64[Tensor, " B"]
    left: Int64[Tensor, " B"]
    height: Int64[Tensor, " B"]
    width: Int64[Tensor, " B"]

    def each(self) -> Iterator[tuple[int, ...]]:
        """Those of one sample after the other, as plain numbers."""
        return zip(*(side.tolist() for side in self), strict=True)


class Mixing(NamedTuple):
    """Crops as sums of rows and of columns.

    Attributes:
        rows: how they become those of the crop.
        columns: likewise.
        overshoots: whether the sums leave [0, 1], as bicubic ones do.
    """

    rows: Taps
    columns: Taps
    overshoots: bool

    def of(self, rows: slice) -> Mixing:
        """For these samples alone."""
        return Mixing(self.rows.of(rows), self.columns.of(rows), self.overshoots)

    def mirrored(self, where: Bool[Tensor, " B"]) -> Mixing:
        """These samples turned left and right, which costs next to nothing here."""
        return self._replace(columns=self.columns.mirrored(where))

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """The crops; torchvision clamps only those of bytes, but an image must stay one."""
        made = mixed(scaled(image), self.rows, self.columns)
        return made.clamp_(0, 1) if self.overshoots else made


class Cutting(NamedTuple):
    """Crops one after the other: for a CPU, which can read the boxes without waiting for a device.

    Attributes:
        box: where they lie.
        turned: which to turn left and right.
        size: height and width of what comes out.
        interpolation: filter of the resize.
    """

    box: Box
    turned: Bool[Tensor, " B"]
    size: tuple[int, int]
    interpolation: Interpolation

    def of(self, rows: slice) -> Cutting:
        """For these samples alone."""
        box = Box(*(side[rows] for side in self.box))
        return Cutting(box, self.turned[rows], self.size, self.interpolation)

    def mirrored(self, where: Bool[Tensor, " B"]) -> Cutting:
        """These samples turned left and right."""
        return self._replace(turned=self.turned ^ where)

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """The crops, fastest of bytes."""
        scale = 255 if image.dtype == torch.uint8 else 1
        dtype = torch.float32 if image.dtype == torch.uint8 else image.dtype
        resized = image.new_empty(*image.shape[:2], *self.size, dtype=dtype)
        places = zip(resized, image, self.box.each(), self.turned.tolist(), strict=True)
        for out, picture, at, turn in places:
            piece = cut(picture, at, self.size, self.interpolation)
            # Two passes over one image are faster than a mixed division.
            out.copy_(piece.flip(-1) if turn else piece).div_(scale)
        return resized if scale == 255 else resized.clamp_(0, 1)


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

    def boxes(self, sizes: Sequence[tuple[int, int]], draws: Float[Tensor, "B n"]) -> Box:
        """The first of ten tries that fits into the image, else the largest centred box.

        Args:
            sizes: height and width of every image, or once for all.
            draws: as many numbers per image as `Crop.draws`.
        """
        limit, fallback = torch.tensor(
            [[size[::-1] for size in sizes], [self._fallback(*size) for size in sizes]],
            device=draws.device,
        ).mT
        tried = sides(limit.prod(0), self.scale, self.ratio, draws)
        fits = ((0 < tried) & (tried <= limit[..., None])).all(0)
        side, centred = first_fitting(tried, fits, fallback)
        room = limit - side
        left, top = torch.where(centred, room // 2, place(draws[:, [-1, -2]].mT, room))
        return Box(top, left, side[1], side[0])

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
        return self.step(image.shape[2], image.shape[3], draws)(image)

    def step(self, height: int, width: int, draws: Float[Tensor, "B n"]) -> Mixing | Cutting:
        """What the draws make of images of this size."""
        size, box = self.size(height, width), self.boxes([(height, width)], draws)
        if one_by_one(draws.device, height, width, *size):
            where = torch.zeros_like(box.top, dtype=torch.bool)
            return Cutting(box, where, size, self.interpolation)
        rows = Resize(height, size[0], self.interpolation)(box.top, box.height)
        columns = Resize(width, size[1], self.interpolation)(box.left, box.width)
        return Mixing(rows, columns, self.interpolation == "bicubic")

    def cut(
        self,
        images: Sequence[UInt8[Tensor, "C _ _"]],
        draws: Float[Tensor, "B n"],
        size: tuple[int, int],
    ) -> UInt8[Tensor, "B C h w"]:
        """The crops in bytes, which a worker makes of what it decoded.

        Args:
            images: of any sizes.
            draws: numbers of each.
            size: height and width where the crop keeps the size of the data.
        """
        boxes = self.boxes([(i.shape[1], i.shape[2]) for i in images], draws).each()
        size = self.size(*size)
        return torch.stack(
            [cut(i, box, size, self.interpolation) for i, box in zip(images, boxes, strict=True)]
        )


def one_by_one(device: torch.device, *sizes: int) -> bool:
    """Whether a CPU resizes images of these sizes one after the other, fastest as bytes."""
    return max(sizes) >= LARGE and not dense(device)


def cut(
    image: UInt8[Tensor, "C H W"] | Float[Tensor, "C H W"],
    box: tuple[int, ...],
    size: tuple[int, int],
    interpolation: Interpolation,
) -> UInt8[Tensor, "C h w"] | Float[Tensor, "C h w"]:
    """One box (top, left, height, width) of one image, resized; bytes stay bytes, as torchvision's.

    Floats may leave [0, 1] where the filter is bicubic.
    """
    top, left, height, width = box
    # Contiguous bytes of three channels are resized in three quarters of the time.
    piece = image[None, :, top : top + height, left : left + width].contiguous()
    return F.interpolate(piece, size=size, mode=interpolation, antialias=True)[0]


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


def sides(
    area: Int64[Tensor, "#B"], scale: list[float], ratio: list[float], draws: Float[Tensor, "B _"]
) -> Int64[Tensor, "2 B n"]:
    """The sides sqrt(a r) and sqrt(a / r) in pixels of every try, of a share a and a ratio r."""
    share = scale[0] + (scale[1] - scale[0]) * draws[:, :TRIES].double()
    low, high = math.log(ratio[0]), math.log(ratio[1])
    r = torch.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES].double())
    a = share * area[:, None]
    return torch.stack([a * r, a / r]).sqrt_().round_().long()


def first_fitting(
    tried: Int64[Tensor, "2 B n"], fits: Bool[Tensor, "B n"], fallback: Int64[Tensor, "2 _"]
) -> tuple[Int64[Tensor, "2 B"], Bool[Tensor, " B"]]:
    """The sides of the first try that fits, else the fallback's; and where that was taken."""
    first = F.pad(fits.int(), (0, 1), value=1).argmax(1)  # of equals the first
    last = fallback[..., None].expand(-1, len(fits), 1)
    chosen = torch.cat([tried, last], 2).gather(2, first.expand(2, -1)[..., None])[..., 0]
    return chosen, first == fits.shape[1]


def place(draw: Float[Tensor, "2 B"], room: Int64[Tensor, "2 B"]) -> Int64[Tensor, "2 B"]:
    """An integer of 0..room, uniformly."""
    return (draw.double() * (room + 1)).long()
