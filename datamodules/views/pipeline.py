"""The declaration of the views, and the batched pipeline that it builds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.decode import to_tensor
from manyviews.datamodules.views.affine import Step, affine
from manyviews.datamodules.views.crop import Crop, applied, scaled
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

    def leading_crop(self) -> tuple[str, Crop]:
        """The first operation and its name, where it is a crop.

        Raises:
            ConfigError: it is none.
        """
        purpose, crop = next(iter(self.operations.items()), ("nothing", None))
        if not isinstance(crop, Crop):
            raise ConfigError(
                f"views of image files begin with a crop, not with {purpose}; type views=two_crops"
            )
        return purpose, crop

    def cut(
        self,
        images: list[UInt8[Tensor, "C _ _"]],
        position: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        view: int,
        size: tuple[int, int],
    ) -> UInt8[Tensor, "B C h w"]:
        """The crop of view number `view`, the first operation, of images of any sizes."""
        purpose, crop = self.leading_crop()
        numbers = draws.uniform(seed, epoch, position, view, purpose, crop.draws)
        return torch.stack(
            [crop.cut(i, n[None], size) for i, n in zip(images, numbers, strict=True)]
        )

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
        is_cut: bool = False,
    ) -> Float[Tensor, "B C h w"]:
        """View number `view` of every image, normalised; `is_cut` if `cut` has begun it."""
        operations = [*self.operations.items()][int(is_cut) :]
        steps = [
            (
                partial(operation, mean=mean) if isinstance(operation, Erasing) else operation,
                draws.uniform(seed, epoch, position, view, purpose, operation.draws),
            )
            for purpose, operation in operations
        ]
        shift, scale = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        size = (image.shape[2], image.shape[3])
        for _, operation in operations:
            size = operation.size(*size)
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

    def cut(
        self,
        images: list[Image.Image],
        position: Int64[Tensor, " B"],
        epoch: int,
        *,
        seed: int,
        size: tuple[int, int],
    ) -> list[UInt8[Tensor, "B C _ _"]]:
        """The crops of all views, in bytes: what workers do with decoded pictures.

        Args:
            images: of one mode.
            position: row of each in its data set.
            epoch: 0-based.
            seed: of the run.
            size: height and width of crops that keep the size of the data.
        """
        tensors = [to_tensor(image) for image in images]
        return [
            kind.cut(tensors, position, seed=seed, epoch=epoch, view=v, size=size)
            for v, kind in enumerate(self)
        ]

    def __call__(
        self,
        image: UInt8[Tensor, "B C H W"] | list[UInt8[Tensor, "B C _ _"]],
        position: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> list[Float[Tensor, "B C _ _"]]:
        """One normalised float32 batch per view.

        Args:
            image: whole images, or what `cut` made of them.
            position: row of each in its data set.
            seed: of the run.
            epoch: 0-based.
            mean: per channel, in units of 0..1.
            std: per channel, in units of 0..1.
        """
        options = {
            "mean": torch.tensor(mean, device=position.device),
            "std": torch.tensor(std, device=position.device),
            "is_cut": isinstance(image, list),
            "mode": self.mode,
        }
        images = image if isinstance(image, list) else [image] * len([*self])
        return [
            kind(x, position, seed=seed, epoch=epoch, view=v, **options)
            for v, (kind, x) in enumerate(zip(self, images, strict=True))
        ]
