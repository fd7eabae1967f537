"""The declaration of the views, and the batched pipeline that it builds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.views.affine import Step, affine
from manyviews.datamodules.views.crop import applied, scaled
from manyviews.datamodules.views.erasing import Erasing
from manyviews.errors import ConfigError

Mode = Literal["exact", "affine"]
PIECE = 400_000  # pixels of all channels: their floats stay in the cache of a core
LEAST = 8  # images, below which the calls cost more than the cache saves


@runtime_checkable
class Operation(Protocol):
    """One random operation on a batch; all its randomness comes as numbers per sample."""

    @property
    def draws(self) -> int:
        """Uniform numbers that each sample needs."""
        ...

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what comes out."""
        ...

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C h w"]:
        """Images in [0, 1] after the operation."""
        ...


class View:
    """A kind of view: how many of it, and the operations in their order.

    Args:
        count: views of this kind per sample.
        operations: by name; the name is the purpose of the operation's draws.
    """

    def __init__(self, count: int, operations: dict[str, Operation]) -> None:
        if count < 1:
            raise ConfigError(f"a view kind has count={count}; allowed: 1 or more")
        self.count = count
        # Probability 0 means "not there": nothing is computed.
        self.operations = {k: o for k, o in operations.items() if getattr(o, "probability", 1)}

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the view of an image of this size."""
        for operation in self.operations.values():
            height, width = operation.size(height, width)
        return height, width

    def __call__(
        self,
        image: UInt8[Tensor, "B C H W"],
        position: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        view: int,
        mean: Float[Tensor, " C"],
        std: Float[Tensor, " C"],
        mode: Mode = "exact",
    ) -> Float[Tensor, "B C h w"]:
        """View number `view` of every image, normalised."""
        steps = [
            (
                partial(operation, mean=mean) if isinstance(operation, Erasing) else operation,
                draws.uniform(seed, epoch, position, view, purpose, operation.draws),
            )
            for purpose, operation in self.operations.items()
        ]
        shift, scale = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        size = self.size(image.shape[2], image.shape[3])
        normalised = mean.new_empty(*image.shape[:2], *size)
        for rows in _pieces(image):
            made = MODES[mode](image[rows], [(o, u[rows]) for o, u in steps])
            torch.sub(made, shift, out=normalised[rows]).div_(scale)
        return normalised


def exact(
    image: UInt8[Tensor, "B C H W"] | Float[Tensor, "B C H W"], steps: Sequence[Step]
) -> Float[Tensor, "B C h w"]:
    """The operations with their draws, one after the other, each clamped as torchvision's."""
    for operation, numbers in steps:
        image = applied(operation, image, numbers)
    return scaled(image)


MODES = {"exact": exact, "affine": affine}


def _pieces(image: UInt8[Tensor, "B C H W"]) -> list[slice]:
    """Rows of a batch whose floats stay in the cache of a CPU; elsewhere all of them."""
    count = len(image)
    most = max(LEAST, PIECE * count // image.numel()) if image.device.type == "cpu" else count
    length = math.ceil(count / math.ceil(count / most))  # pieces of about the same length
    return [slice(start, start + length) for start in range(0, count, length)]


class Views:
    """All views of a sample: kinds by name, the large ones first.

    Args:
        mode: `exact` orders and clamps as torchvision; `affine` leaves out the clamps between the
            operations, faster where hue or blur is (`affine.py`).
        kinds: for example `large` and `small`.

    Raises:
        ConfigError: fewer than two views in all.
    """

    def __init__(self, mode: Mode = "exact", **kinds: View) -> None:
        if sum(kind.count for kind in kinds.values()) < 2:
            raise ConfigError(
                f"views ({', '.join(kinds) or 'none'}) make fewer than two views of a sample; "
                "type views.large.count=2"
            )
        self.mode: Mode = mode
        self.kinds = kinds

    def __iter__(self) -> Iterator[View]:
        """The kind of every single view, in the order of the batch."""
        for kind in self.kinds.values():
            yield from [kind] * kind.count

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Height and width of every view of an image of this size."""
        return [kind.size(height, width) for kind in self]

    def __call__(
        self,
        image: UInt8[Tensor, "B C H W"],
        position: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> list[Float[Tensor, "B C _ _"]]:
        """One normalised float32 batch per view."""
        statistics = {
            name: torch.tensor(values, device=image.device)
            for name, values in (("mean", mean), ("std", std))
        }
        return [
            kind(image, position, seed=seed, epoch=epoch, view=v, mode=self.mode, **statistics)
            for v, kind in enumerate(self)
        ]
