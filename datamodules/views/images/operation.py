"""The contract of an operation on images, which users' own operations keep as well."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.step import Applied, Step


@runtime_checkable
class Operation(Protocol):
    """A random operation on a batch of images; its randomness comes as uniform numbers per sample.

    An operation of your own is any class with these three members. Name it in the config as
    `_target_: your_package.Vignette` and set MANYVIEWS_TRUST=your_package. for the command. With an
    attribute `probability` of 0 it is left out. An operation that can do better than one call after
    the others also has the method of `FoldingOperation`.
    """

    @property
    def draws(self) -> int:
        """Uniform numbers in [0, 1) that each sample needs, for example 2: apply, and angle."""
        ...

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the images that the operation makes of images of this size."""
        ...

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C h w"]:
        """Return the new images, in [0, 1] like the given ones, which stay as they are.

        Each sample must depend on its own row of `image` and `draws` alone: batches are cut into
        pieces.
        """
        ...


@runtime_checkable
class FoldingOperation(Operation, Protocol):
    """An operation that chooses its own step, or merges with the step before it.

    For example `Flip` lets a crop before it read its pixels backwards, and `Erasing` takes the mean
    of the data from here.
    """

    def fold_into(
        self,
        steps: list[Step],
        draws: Float[Tensor, "B n"],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
    ) -> list[Step]:
        """Return the steps of a view up to and including this operation.

        Args:
            steps: the steps before it; the last may be replaced, in a new list.
            draws: the operation's numbers.
            size: height and width of the images that reach the operation.
            mean: mean of the data per channel, in units of 0..1.
        """
        ...


def fold(
    operation: Operation,
    steps: list[Step],
    draws: Float[Tensor, "B n"],
    size: tuple[int, int],
    mean: Float[Tensor, " C"],
) -> list[Step]:
    """Return the steps up to and including an operation: as it folds itself, or one more call."""
    if isinstance(operation, FoldingOperation):
        return operation.fold_into(steps, draws, size, mean)
    return [*steps, Applied(operation, draws)]
