"""The declaration of the views, and the batched pipeline that it builds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.images.decode import to_tensor
from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.colour_map import ColourMap
from manyviews.datamodules.views.images.crop import Crop, Cutting, Mixing
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.step import Applied, Step, scaled
from manyviews.errors import ConfigError

Mode = Literal["exact", "affine"]
PIECE = 800_000  # pixels of all channels: their floats, 3 MB, stay in the cache of a CPU


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
        return crop.cut(images, numbers, size)

    def named(self, *, is_cut: bool) -> list[tuple[str, Operation]]:
        """The operations and their names; without the first if `cut` has done it."""
        return [*self.operations.items()][int(is_cut) :]

    def steps(
        self,
        numbers: Sequence[Float[Tensor, "B _"]],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
        *,
        mode: Mode,
        is_cut: bool,
    ) -> list[Step]:
        """The operations with their numbers, ready for images of this size.

        Args:
            numbers: of every operation.
            size: height and width.
            mean: of the data, per channel, in units of 0..1.
            mode: of the views.
            is_cut: whether `cut` has done the first.
        """
        steps: list[Step] = []
        for (_, operation), u in zip(self.named(is_cut=is_cut), numbers, strict=True):
            before = steps[-1] if steps else None
            if isinstance(operation, Crop):
                steps.append(operation.step(*size, u))
            elif isinstance(operation, Flip) and isinstance(before, Mixing | Cutting):
                steps[-1] = before.mirrored(operation.happens(u[:, 0]))
            elif isinstance(operation, Jitter | Grayscale) and mode == "affine":
                then = operation.colour_map(u, len(mean))
                if isinstance(before, ColourMap):
                    steps[-1] = before.then(then)
                else:
                    steps.append(then)
            elif isinstance(operation, Erasing):
                steps.append(Applied(partial(operation, mean=mean), u))
            else:
                steps.append(Applied(operation, u))
            size = operation.size(*size)
        return steps


def _pieces(image: UInt8[Tensor, "B C H W"]) -> list[slice]:
    """Rows of a batch whose floats stay in the cache of a CPU; elsewhere all of them."""
    rows = len(image)
    most = max(1, PIECE * rows // image.numel()) if image.device.type == "cpu" else rows
    length = math.ceil(rows / math.ceil(rows / most))  # pieces of about the same length
    return [slice(start, start + length) for start in range(0, rows, length)]


class Views:
    """All views of a sample: kinds by name, the large ones first.

    Args:
        mode: `exact` orders and clamps as torchvision; `affine` leaves out the clamps between the
            colours, faster where there are several (`colour_map.py`).
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
        is_cut = isinstance(image, list)
        images = image if isinstance(image, list) else [image] * len([*self])
        given = [(x.shape[2], x.shape[3]) for x in images]
        shift, scale = (torch.tensor(s, device=position.device) for s in (mean, std))
        steps = self._steps(position, given, shift, seed=seed, epoch=epoch, is_cut=is_cut)
        sizes = [kind.size(*size) for kind, size in zip(self, given, strict=True)]
        made = [shift.new_empty(len(position), len(shift), *size) for size in sizes]
        mixing = not is_cut and all(some and isinstance(some[0], Mixing) for some in steps)
        for rows in _pieces(images[0]):
            pieces = [x[rows] for x in images]
            if mixing:  # all views begin with the same floats, side by side as `mixed` reads them
                floats = scaled(pieces[0].transpose(1, 2).contiguous()).transpose(1, 2)
                pieces = [floats] * len(images)
            for out, view, some in zip(made, pieces, steps, strict=True):
                for step in some:
                    view = step.of(rows)(view)
                view = torch.sub(scaled(view), shift.view(-1, 1, 1), out=out[rows])
                view.div_(scale.view(-1, 1, 1))
        return made

    def _steps(
        self,
        position: Int64[Tensor, " B"],
        sizes: list[tuple[int, int]],
        mean: Float[Tensor, " C"],
        *,
        seed: int,
        epoch: int,
        is_cut: bool,
    ) -> list[list[Step]]:
        """Those of every view: made once for all views of a kind, as calls cost more than rows."""
        views = iter(range(len(sizes)))
        kinds = [(kind, [*islice(views, kind.count)]) for kind in self.kinds.values()]
        wanted = [
            (view, purpose, operation.draws)
            for kind, its_views in kinds
            for purpose, operation in kind.named(is_cut=is_cut)
            for view in its_views
        ]
        numbers = iter(draws.uniforms(seed, epoch, position, wanted))
        steps: list[list[Step]] = []
        for kind, its_views in kinds:
            named = kind.named(is_cut=is_cut)
            drawn = [torch.cat([*islice(numbers, kind.count)]) for _ in named]
            size = sizes[its_views[0]]
            of_all = kind.steps(drawn, size, mean, mode=self.mode, is_cut=is_cut)
            for first in range(0, kind.count * len(position), len(position)):
                of_view = slice(first, first + len(position))
                steps.append([step.of(of_view) for step in of_all])
        return steps
