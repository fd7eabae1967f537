"""The views of images that a config declares, and their making in batches.

A view is a chain of operations. Its random numbers are drawn for the whole batch, then the chain
runs on one piece of the batch after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import torch
from jaxtyping import Float, Int64, UInt8
from PIL import Image
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.operation import Operation, fold
from manyviews.datamodules.views.images.step import Step, to_float
from manyviews.errors import ConfigError
from manyviews.ranges import Size, within_ranges

PIECE = 800_000  # pixels of all channels: their floats, 3 MB, stay in the cache of a CPU


class View:
    """A kind of view: its number per sample, and its operations in order.

    Args:
        count: views of this kind per sample.
        operations: operations by name; the name seeds the operation's draws.
    """

    @within_ranges
    def __init__(self, count: Size, operations: dict[str, Operation]) -> None:
        self.count = count
        # Probability 0 means "not there": nothing is computed.
        self.operations = {k: o for k, o in operations.items() if getattr(o, "probability", 1)}

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the view of an image of this size."""
        for operation in self.operations.values():
            height, width = operation.size(height, width)
        return height, width

    def leading_crop(self) -> tuple[str, Crop]:
        """Return name and operation of the crop that the view begins with.

        Raises:
            ConfigError: the first operation is no crop.
        """
        name, crop = next(iter(self.operations.items()), ("nothing", None))
        if not isinstance(crop, Crop):
            raise ConfigError(
                f"views of image files begin with a crop, not with {name}; type views=two_crops"
            )
        return name, crop

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
        """Return the crops, the first operation, of view number `view`; see `Views.cut`."""
        name, crop = self.leading_crop()
        numbers = draws.uniform(seed, epoch, position, view, name, crop.draws)
        return crop.cut(images, numbers, size)

    def remaining(self, *, is_cut: bool) -> list[tuple[str, Operation]]:
        """Return the operations with their names, without the first if `cut` has done it."""
        return [*self.operations.items()][int(is_cut) :]

    def steps(
        self,
        numbers: Sequence[Float[Tensor, "B _"]],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
        *,
        is_cut: bool,
    ) -> list[Step]:
        """Return the steps that the remaining operations make of their numbers.

        Args:
            numbers: draws of every remaining operation.
            size: height and width of the images.
            mean: mean of the data per channel, in units of 0..1.
            is_cut: True if `cut` has done the first operation.
        """
        steps: list[Step] = []
        for (_, operation), u in zip(self.remaining(is_cut=is_cut), numbers, strict=True):
            steps = fold(operation, steps, u, size, mean)
            size = operation.size(*size)
        return steps


def _pieces(image: UInt8[Tensor, "B C H W"]) -> list[slice]:
    """Return rows of a batch whose floats stay in the cache of a CPU; on a device, all rows."""
    rows = len(image)
    most = max(1, PIECE * rows // image.numel()) if image.device.type == "cpu" else rows
    length = math.ceil(rows / math.ceil(rows / most))  # pieces of about the same length
    return [slice(start, start + length) for start in range(0, rows, length)]


class Views:
    """All views of a sample: kinds by name, the large ones first.

    Colours change in the order and with the clamps of torchvision.

    Args:
        kinds: for example `large` and `small`.

    Raises:
        ConfigError: there is no view.
    """

    def __init__(self, **kinds: View) -> None:
        if not kinds:
            raise ConfigError("views has no kind of view; type views=two_crops")
        self.kinds = kinds

    def __iter__(self) -> Iterator[View]:
        """Return the kind of every single view, in the order of the batch."""
        for kind in self.kinds.values():
            yield from [kind] * kind.count

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return height and width of every view of an image of this size."""
        return [kind.size(height, width) for kind in self]

    def cut(
        self,
        images: list[Image.Image],
        position: Int64[Tensor, " B"],
        epoch: int,
        *,
        seed: int,
        size: tuple[int, int],
        to_tensor: Callable[[Image.Image], UInt8[Tensor, "C H W"]],
    ) -> list[UInt8[Tensor, "B C _ _"]]:
        """Return the crops of all views in bytes, which worker processes make of decoded images.

        Args:
            images: images of any sizes, all grey or all RGB.
            position: row of each image in its data set.
            epoch: 0-based.
            seed: seed of the run.
            size: height and width of crops that keep the size of the data.
            to_tensor: makes the bytes of an image a tensor, as the data set does everywhere else.
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
        """Return one normalised float32 batch per view.

        Args:
            image: whole images, or the crops of every view that `cut` made of them.
            position: row of each image in its data set.
            seed: seed of the run.
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
        for rows in _pieces(images[0]):
            for out, source, chain in zip(made, images, steps, strict=True):
                view = source[rows]
                for step in chain:
                    view = step.select(rows)(view)
                # Written into the batch at once: no second copy of the views is made.
                view = torch.sub(to_float(view), shift.view(-1, 1, 1), out=out[rows])
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
        """Return the steps of every view.

        All views of a kind are drawn and folded as one long batch, because a call costs more than
        its rows.
        """
        numbering = iter(range(len(sizes)))
        kinds = [(kind, [*islice(numbering, kind.count)]) for kind in self.kinds.values()]
        wanted = [
            (view, name, operation.draws)
            for kind, its_views in kinds
            for name, operation in kind.remaining(is_cut=is_cut)
            for view in its_views
        ]
        numbers = iter(draws.uniforms(seed, epoch, position, wanted))
        steps: list[list[Step]] = []
        for kind, its_views in kinds:
            drawn = [
                torch.cat([*islice(numbers, kind.count)]) for _ in kind.remaining(is_cut=is_cut)
            ]
            together = kind.steps(drawn, sizes[its_views[0]], mean, is_cut=is_cut)
            for first in range(0, kind.count * len(position), len(position)):
                of_view = slice(first, first + len(position))
                steps.append([step.select(of_view) for step in together])
        return steps
