"""The steps of a view: operations whose random numbers are drawn, for any part of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor


@runtime_checkable
class Step(Protocol):
    """A change of the images of a batch, with every random number that it needs per sample."""

    def select(self, rows: slice) -> Step:
        """Return the same step for these samples alone."""
        ...

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """Return the changed images, in [0, 1]; bytes are scaled to that range first."""
        ...


@runtime_checkable
class Mirrorable(Step, Protocol):
    """A step that can mirror its images for free: a crop then reads its pixels backwards."""

    def mirror(self, where: Bool[Tensor, " B"]) -> Step:
        """Return the step that mirrors the images of these samples afterwards, left and right."""
        ...


class Applied(NamedTuple):
    """The step of a plain operation: a call with its draws.

    Attributes:
        operation: makes new images of images in [0, 1] and draws.
        draws: its random numbers per sample.
    """

    operation: Callable[..., Tensor]
    draws: Float[Tensor, "B n"]

    def select(self, rows: slice) -> Applied:
        """Return the same step for these samples alone."""
        return Applied(self.operation, self.draws[rows])

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """Return the images that the operation makes."""
        return self.operation(to_float(image), self.draws)


def to_float(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
) -> Float[Tensor, "B C H W"]:
    """Return bytes as float32 in [0, 1], and floats as they are."""
    return image.float().div_(255) if image.dtype == torch.uint8 else image
