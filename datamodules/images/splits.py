"""A data set of images: its splits, in memory or on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from torch import Tensor

from manyviews.batch import Sample
from manyviews.datamodules.fingerprint import fingerprint
from manyviews.datamodules.images.files import ImageFiles, Prepare
from manyviews.datamodules.images.index import FileIndex


class Images(NamedTuple):
    """One split, decoded in memory.

    Attributes:
        image: uint8 (N, C, H, W).
        label: int64 (N,), -1 if unknown.
        group: int64 (N,), number of the group of each image, -1 if unknown; None if there are none.
    """

    image: UInt8[Tensor, "N C H W"]
    label: Int64[Tensor, " N"]
    group: Int64[Tensor, " N"] | None = None

    @property
    def channels(self) -> int:
        """Number of channels of every image."""
        return self.image.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every image in pixels."""
        return self.image.shape[2], self.image.shape[3]

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """Return these rows; `prepare` is ignored, as decoded images need no preparation."""
        group = None if self.group is None else self.group[rows]
        return Sample(self.image[rows], self.label[rows], rows, group=group)

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " _"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """Yield the batches in the given order."""
        # The same interface as `ImageFiles`, whose workers prepare batches ahead.
        return map(self.sample, batches)

    def fingerprint(self) -> dict[str, Any]:
        """Return a digest over the pixels and the labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.image.numpy()).data)  # makes no copy
        digest.update(self.label.numpy().tobytes())
        return {"sha256": digest.hexdigest()}


@dataclass(frozen=True)
class ImageSplits:
    """A data set of images: its splits, class names and the statistics that normalise it.

    Attributes:
        name: name of the data set, as in `data=<name>`.
        train: images for pretraining; also the kNN bank and the training set of the probes.
        test: images for the scores; nothing is ever chosen on them.
        classes: name of each label.
        mean: per channel, for pixels from 0 to 1.
        std: standard deviation per channel, for pixels from 0 to 1.
        skipped: a sentence for each file that was left out.
        index: the files that the images were read from; None if they come from elsewhere.
        notes: sentences about what was not read, or read differently than a user may expect.
        groups: name of each group (patient, video) that `group` of the splits numbers.
        val: images to choose on; they are not trained on. None: there are none.
    """

    name: str
    train: Images | ImageFiles
    test: Images | ImageFiles
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()
    index: FileIndex | None = None
    notes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    val: Images | ImageFiles | None = None

    @property
    def channels(self) -> int:
        """Number of channels of every image."""
        return self.train.channels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of the images that evaluation reads."""
        return self.train.size

    def fingerprint(self) -> dict[str, object]:
        """Return what identifies the content: counts, size, label histogram, SHA-256 per split."""
        return fingerprint(self, "images")
