"""`mode: affine`: maps of pixels and of colours are multiplied before they touch the image.

Crop, flip and blur are a matrix on the rows and one on the columns; brightness, contrast,
saturation, hue and grey are a matrix on the channels and a shift. The weights of a pixel sum to 1,
so the two kinds commute and a view costs two products and one colour map, whatever their order.
What is left out are the clamps to [0, 1] between the operations; one at the end remains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from manyviews.datamodules.views.crop import Folded, Matrix, dense, scaled, two_sided

Step = tuple[Callable[..., Tensor], Float[Tensor, "B _"]]


@runtime_checkable
class OnPixels(Protocol):
    """An operation that mixes the rows and the columns of every channel alike."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what comes out."""
        ...

    def fold(self, rows: Matrix, columns: Matrix, draws: Float[Tensor, "B n"]) -> Folded:
        """Those matrices with the operation behind them."""
        ...


@runtime_checkable
class OnColours(Protocol):
    """An operation that maps the channels of every pixel alike."""

    def colour_map(
        self, mean: Float[Tensor, "B C"], draws: Float[Tensor, "B n"]
    ) -> tuple[Float[Tensor, "B C C"], Float[Tensor, "B C"]]:
        """A matrix on the channels and what is added; `mean` is that of each channel before."""
        ...


def affine(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"], steps: Sequence[Step]
) -> Float[Tensor, "B C h w"]:
    """The operations with their draws, folded as far as the next that is no linear map."""
    folded = Maps(image)
    for operation, draws in steps:
        if isinstance(operation, OnPixels):
            folded.mix_pixels(operation, draws)
        elif isinstance(operation, OnColours):
            folded.map_colours(operation, draws)
        else:
            folded = Maps(operation(folded.made(), draws))
    return folded.made()


class Maps:
    """An image and the maps that are still to be applied to it."""

    def __init__(self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]) -> None:
        self.colours: tuple[Float[Tensor, "B C C"], Float[Tensor, "B C"]] | None = None
        self._begin(image)

    def _begin(self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]) -> None:
        self.image = image
        self.mean: Float[Tensor, "B C"] | None = None  # of the image behind all maps, once asked
        self.rows, self.columns = (
            torch.eye(size, device=image.device)[None] for size in image.shape[2:]
        )

    def mix_pixels(self, operation: OnPixels, draws: Float[Tensor, "B n"]) -> None:
        """Put the operation behind the maps."""
        size = self.rows.shape[1], self.columns.shape[1]
        if dense(self.image.device, *size, *operation.size(*size)):
            self.rows, self.columns = operation.fold(self.rows, self.columns, draws)
            self.mean = None
        else:
            self._begin(operation(self._mixed(), draws))  # type: ignore[operator]

    def map_colours(self, operation: OnColours, draws: Float[Tensor, "B n"]) -> None:
        """Put the operation behind the maps."""
        mean = self._mean() if self.mean is None else self.mean
        matrix, shift = operation.colour_map(mean, draws)
        self.mean = _mapped(matrix, mean, shift)
        if self.colours is not None:
            first, offset = self.colours
            matrix, shift = matrix @ first, _mapped(matrix, offset, shift)
        self.colours = matrix, shift

    def _mean(self) -> Float[Tensor, "B C"]:
        """Of each channel behind all maps, from the share that every pixel has in it."""
        self.image = scaled(self.image)
        share = self.rows.mean(1)[:, None, :, None] * self.columns.mean(1)[:, None, None]
        mean = (self.image * share).sum((2, 3))
        return mean if self.colours is None else _mapped(self.colours[0], mean, self.colours[1])

    def _mixed(self) -> UInt8[Tensor, "B C h w"] | Float[Tensor, "B C h w"]:
        """The image behind the maps of its pixels, in the colours that it had."""
        if len(self.rows) == len(self.columns) == 1:
            return self.image
        count = len(self.image)
        rows, columns = self.rows.expand(count, -1, -1), self.columns.expand(count, -1, -1)
        return two_sided(rows, scaled(self.image), columns)

    def made(self) -> Float[Tensor, "B C h w"]:
        """The image behind all maps, in [0, 1]."""
        image = scaled(self._mixed())
        if self.colours is not None:
            matrix, shift = self.colours
            shape = image.shape
            image = torch.baddbmm(shift[..., None], matrix, image.flatten(2)).view(shape)
        return image.clamp(0, 1)


def _mapped(
    matrix: Float[Tensor, "B C C"], colour: Float[Tensor, "B C"], shift: Float[Tensor, "B C"]
) -> Float[Tensor, "B C"]:
    return (matrix @ colour[..., None])[..., 0] + shift
