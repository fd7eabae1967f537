"""An epoch of batches without a model: wall time per source image.

There are 2,560 images of 3 x 32 x 32 pixels in batches of 256. *images* are normalised images
without random operations; *views* are the two views of `views=two_crops`. torch's *DataLoader*
reads PIL images through torchvision's transforms, with 0 or 2 persistent workers; *manyviews* reads
the tensor in memory on one thread. Agreement means that every image comes once in an epoch. Memory
is that of the process and its workers after the epoch, in MB; all sides share this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from costs import resident_bytes
from page import Row, megabytes
from reference_views import reference
from suites.aug import data
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional as F
from torchvision.transforms import v2
from windows import alternate

from manyviews.datamodules.images.datamodule import ImageData, normalise

IMAGES, BATCH = 2560, 256


def all_of(made: ImageData) -> Tensor:
    """Return all training images."""
    return made.splits.train.sample(torch.arange(len(made.splits.train.label))).input


class Pictures(Dataset[tuple[list[Tensor], int]]):
    """A data set of PIL images with a chain of transforms per view; the label is the row."""

    def __init__(self, made: ImageData, chains: list[Callable[[Any], Tensor]]) -> None:
        self.pictures = [F.to_pil_image(i) for i in all_of(made)]
        self.chains = chains

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pictures)

    def __getitem__(self, i: int) -> tuple[list[Tensor], int]:
        """Return every view of an image, and its row."""
        return [chain(self.pictures[i]) for chain in self.chains], i


def rows(windows: int) -> Iterator[Row]:
    """Compare images and views, with 0 and 2 workers."""
    made = data("two_crops", 32, 3, IMAGES, blurs=True)
    made.batch_size = BATCH
    splits = made.splits
    plain = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, True), v2.Normalize(splits.mean, splits.std)]
    )
    kinds: dict[str, tuple[list[Callable[[Any], Tensor]], Callable[[], list[Tensor]]]] = {
        "images": ([plain], partial(our_images, made)),
        "views": (
            [reference(v, splits.size, splits.mean, splits.std) for v in made.views],
            partial(our_views, made),
        ),
    }
    for kind, (chains, ours) in kinds.items():
        sides: dict[str, Callable[[], list[Tensor]]] = {"manyviews": ours}
        for workers in (0, 2):
            loader = DataLoader(
                Pictures(made, chains),
                BATCH,
                shuffle=True,
                num_workers=workers,
                persistent_workers=workers > 0,
            )
            sides[f"DataLoader, {workers} workers"] = partial(their_epoch, loader)
        found = alternate(sides, windows=min(windows, 5), clock=time.perf_counter)
        found = {n: [s / IMAGES for s in seconds] for n, seconds in found.items()}
        memory = megabytes(resident_bytes())
        for peer in [n for n in sides if n != "manyviews"]:
            once = all(rows_of(sides[n]) == [*range(IMAGES)] for n in (peer, "manyviews"))
            yield Row(
                kind,
                peer,
                "manyviews",
                "us",
                (found[peer], found["manyviews"]),
                "each image once" if once else "images MISSING",
                memory,
            )


def rows_of(epoch: Callable[[], list[Tensor]]) -> list[int]:
    """Return the rows of an epoch, sorted."""
    return torch.cat(epoch()).sort().values.tolist()


def our_images(made: ImageData) -> list[Tensor]:
    """Make all batches of normalised images, and return their rows."""
    found = []
    for sample in made.loader():
        normalise(sample.input, made.splits.mean, made.splits.std)
        found.append(sample.position)
    return found


def our_views(made: ImageData) -> list[Tensor]:
    """Make all batches of views, and return their rows."""
    return [made.make_batch(sample, epoch=0).position for sample in made.loader()]


def their_epoch(loader: DataLoader[tuple[list[Tensor], int]]) -> list[Tensor]:
    """Read all batches of a DataLoader, and return their rows."""
    return [rows for _, rows in loader]
