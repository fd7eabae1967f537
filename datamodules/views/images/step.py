"""What a view consists of once its numbers are drawn: steps that take a piece of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


@runtime_checkable
class Step(Protocol):
    """What happens to the images of a batch, with everything that it needs per sample."""

    def of(self, rows: slice) -> Step:
        """The same for these samples alone."""
        ...

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """Images in [0, 1] after it."""
        ...


class Applied(NamedTuple):
    """An operation with its draws."""

    operation: Callable[..., Tensor]
    draws: Float[Tensor, "B n"]

    def of(self, rows: slice) -> Applied:
        """For these samples alone."""
        return Applied(self.operation, self.draws[rows])

    def __call__(
        self, image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C h w"]:
        """The operation's image."""
        return self.operation(scaled(image), self.draws)


def scaled(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"],
) -> Float[Tensor, "B C H W"]:
    """Bytes as float32 in [0, 1]; what is scaled already stays."""
    return image.float().div_(255) if image.dtype == torch.uint8 else image
