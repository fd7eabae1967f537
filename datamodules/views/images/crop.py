"""Random resized crop: weighted sums of rows and columns, or one resize per image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from manyviews.datamodules.views.images.boxes import (
    TRIES,
    check_box,
    draw_sides,
    first_fitting,
    place,
)
from manyviews.datamodules.views.images.resize import Interpolation, Resize
from manyviews.datamodules.views.images.separable import LARGE, Taps, mix, uses_products
from manyviews.datamodules.views.images.step import Step, to_float
from manyviews.ranges import Size, within_ranges


class Box(NamedTuple):
    """The box of each crop in pixels.

    Attributes:
        top: int64 (B,), first row.
        left: int64 (B,), first column.
        height: int64 (B,), rows.
        width: int64 (B,), columns.
    """

    top: Int64[Tensor, " B"]
    left: Int64[Tensor, " B"]
    height: Int64[Tensor, " B"]
    width: Int64[Tensor, " B"]

    def per_sample(self) -> Iterator[tuple[int, ...]]:
        """Return the boxes one after the other, as plain numbers (top, left, height, width)."""
        return zip(*(side.tolist() for side in self), strict=True)


class SeparableCrops(NamedTuple):
    """Crops of a batch as weighted sums of rows and of columns.

    Attributes:
        rows: map from the image's rows to those of the crop.
        columns: map from the image's columns to those of the crop.
        overshoots: True if sums may leave [0, 1], as bicubic ones do.
    """

    rows: Taps
    columns: Taps
    overshoots: bool

    def select(self, rows: slice) -> SeparableCrops:
        """Return the crops of these samples alone."""
        return SeparableCrops(self.rows.select(rows), self.columns.select(rows), self.overshoots)

    def mirror(self, where: Bool[Tensor, " B"]) -> SeparableCrops:
        """Return the crops with these samples mirrored, by reading their columns backwards."""
        return self._replace(columns=self.columns.mirror(where))

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """Return the crops of the images, in [0, 1]."""
        made = mix(to_float(image), self.rows, self.columns)
        # torchvision clamps only crops of bytes; here floats stay images as well.
        return made.clamp_(0, 1) if self.overshoots else made


class LoopedCrops(NamedTuple):
    """Crops of a batch, resized one after the other.

    Only for a CPU, which can read the boxes without waiting for a device.

    Attributes:
        box: box of each crop.
        mirrored: True for samples to be mirrored, left and right.
        size: height and width of the result.
        interpolation: filter of the resize.
    """

    box: Box
    mirrored: Bool[Tensor, " B"]
    size: tuple[int, int]
    interpolation: Interpolation

    def select(self, rows: slice) -> LoopedCrops:
        """Return the crops of these samples alone."""
        box = Box(*(side[rows] for side in self.box))
        return LoopedCrops(box, self.mirrored[rows], self.size, self.interpolation)

    def mirror(self, where: Bool[Tensor, " B"]) -> LoopedCrops:
        """Return the crops with these samples mirrored."""
        return self._replace(mirrored=self.mirrored ^ where)

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """Return the crops of the images, in [0, 1]; bytes are resized fastest."""
        scale = 255 if image.dtype == torch.uint8 else 1
        dtype = torch.float32 if image.dtype == torch.uint8 else image.dtype
        resized = image.new_empty(*image.shape[:2], *self.size, dtype=dtype)
        places = zip(resized, image, self.box.per_sample(), self.mirrored.tolist(), strict=True)
        for out, picture, box, mirrored in places:
            piece = cut(picture, box, self.size, self.interpolation)
            # Two passes over one image are faster than a division that also converts.
            out.copy_(piece.flip(-1) if mirrored else piece).div_(scale)
        return resized if scale == 255 else resized.clamp_(0, 1)


class Crop:
    """A box of random area and shape, resized with antialias: torchvision's RandomResizedCrop.

    Args:
        size: pixels of a side of the square result; null keeps the size of the data.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width / height.
        interpolation: filter of the resize.
    """

    draws = 2 * TRIES + 2  # area and shape of every try, top, left

    @within_ranges
    def __init__(
        self,
        size: Size | None,
        scale: list[float],
        ratio: list[float],
        interpolation: Interpolation = "bilinear",
    ) -> None:
        check_box("crop", scale, ratio)
        self.out, self.scale, self.ratio = size, scale, ratio
        self.interpolation: Interpolation = interpolation

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the crops: the square of `size` pixels, or the same."""
        return (self.out, self.out) if self.out else (height, width)

    def boxes(self, sizes: Sequence[tuple[int, int]], draws: Float[Tensor, "B n"]) -> Box:
        """Return the first of ten tries that fits into the image, else the largest centred box.

        Args:
            sizes: height and width of every image, or one pair for all images.
            draws: as many numbers per image as `Crop.draws`.
        """
        limit, fallback = torch.tensor(
            [[size[::-1] for size in sizes], [self._fallback(*size) for size in sizes]],
            device=draws.device,
        ).mT
        tried = draw_sides(limit.prod(0), self.scale, self.ratio, draws)
        fits = ((0 < tried) & (tried <= limit[..., None])).all(0)
        side, centred = first_fitting(tried, fits, fallback)
        room = limit - side
        left, top = torch.where(centred, room // 2, place(draws[:, [-1, -2]].mT, room))
        return Box(top, left, side[1], side[0])

    def _fallback(self, height: int, width: int) -> tuple[int, int]:
        """Return width and height of the largest box whose shape is allowed."""
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
        """Return the resized box of every image, in [0, 1]."""
        return self.step(draws, (image.shape[2], image.shape[3]))(image)

    def fold_into(
        self,
        steps: list[Step],
        draws: Float[Tensor, "B n"],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
    ) -> list[Step]:
        """Return the steps and the crops, which a flip that follows can mirror for free."""
        return [*steps, self.step(draws, size)]

    def step(
        self, draws: Float[Tensor, "B n"], size: tuple[int, int]
    ) -> SeparableCrops | LoopedCrops:
        """Return the crops that the draws make of images of this height and width."""
        (height, width), out = size, self.size(*size)
        box = self.boxes([size], draws)
        if resizes_one_by_one(draws.device, height, width, *out):
            mirrored = torch.zeros_like(box.top, dtype=torch.bool)
            return LoopedCrops(box, mirrored, out, self.interpolation)
        rows = Resize(height, out[0], self.interpolation)(box.top, box.height)
        columns = Resize(width, out[1], self.interpolation)(box.left, box.width)
        return SeparableCrops(rows, columns, self.interpolation == "bicubic")

    def cut(
        self,
        images: Sequence[UInt8[Tensor, "C _ _"]],
        draws: Float[Tensor, "B n"],
        size: tuple[int, int],
    ) -> UInt8[Tensor, "B C h w"]:
        """Return the crops in bytes; a worker process makes them of the images that it decoded.

        Args:
            images: images of any sizes.
            draws: numbers of each image.
            size: height and width of the result if the crop keeps the size of the data.
        """
        boxes = self.boxes([(i.shape[1], i.shape[2]) for i in images], draws).per_sample()
        size = self.size(*size)
        return torch.stack(
            [cut(i, box, size, self.interpolation) for i, box in zip(images, boxes, strict=True)]
        )


def resizes_one_by_one(device: torch.device, *sizes: int) -> bool:
    """Return True if one resize after the other is the fastest: large images on a CPU."""
    return max(sizes) >= LARGE and not uses_products(device)


def cut(
    image: UInt8[Tensor, "C H W"] | Float[Tensor, "C H W"],
    box: tuple[int, ...],
    size: tuple[int, int],
    interpolation: Interpolation,
) -> UInt8[Tensor, "C h w"] | Float[Tensor, "C h w"]:
    """Return one box (top, left, height, width) of one image, resized; bytes stay bytes.

    Floats may leave [0, 1] if the filter is bicubic.
    """
    top, left, height, width = box
    # Contiguous bytes of three channels are resized in three quarters of the time.
    piece = image[None, :, top : top + height, left : left + width].contiguous()
    return F.interpolate(piece, size=size, mode=interpolation, antialias=True)[0]
