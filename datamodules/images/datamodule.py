"""Images and their labels, and the data module that makes views of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews.batch import Sample
from manyviews.datamodules.images.decode import to_tensor
from manyviews.datamodules.images.files import ImageFiles, Prepare
from manyviews.datamodules.images.index import Listing
from manyviews.datamodules.images.pixels import denormalised, raw_pixels
from manyviews.datamodules.module import Rows, Split, ViewData
from manyviews.datamodules.views.images.pipeline import Views

CLEAN_BATCH, CLEAN_PIXELS = 500, 2**22  # images of an evaluation batch, and pixels of one channel


class Images(NamedTuple):
    """One split, resident in memory.

    Attributes:
        image: uint8 (N, C, H, W).
        label: int64 (N,), -1 where unknown.
    """

    image: UInt8[Tensor, "N C H W"]
    label: Int64[Tensor, " N"]

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return self.image.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[2], self.image.shape[3]

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """These rows; nothing has to be prepared."""
        return Sample(self.image[rows], self.label[rows], rows)

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " B"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """The batches in their order."""
        return map(self.sample, batches)

    def fingerprint(self) -> dict[str, Any]:
        """Digest over the pixels and the labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.image.numpy()).data)  # no copy of it
        digest.update(self.label.numpy().tobytes())
        return {"sha256": digest.hexdigest()}


@dataclass(frozen=True)
class ImageSplits:
    """A data set: its splits, class names and the statistics that normalise it.

    Attributes:
        name: as in `data=<name>`.
        train: pretraining images, the bank of kNN and the training set of the probes.
        test: scored once, never chosen on.
        classes: name of each label.
        mean: per channel, in units of 0..1.
        std: per channel, in units of 0..1.
        skipped: files that were left out, with the reason of each.
        listing: the files that it was read from, where it was.
    """

    name: str
    train: Images | ImageFiles
    test: Images | ImageFiles
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()
    listing: Listing | None = None

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return self.train.channels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the clean images in pixels."""
        return self.train.size

    def fingerprint(self) -> dict[str, object]:
        """What identifies the content: counts, size, label histogram and SHA-256 per split."""
        return {
            "name": self.name,
            "channels": self.channels,
            "size": list(self.size),
            **{split: _fingerprint(getattr(self, split)) for split in ("train", "test")},
        }


def _fingerprint(images: Images | ImageFiles) -> dict[str, object]:
    values, counts = images.label.unique(return_counts=True)
    histogram = {str(int(v)): int(n) for v, n in zip(values, counts, strict=True)}
    return {"images": len(images.label), "labels": histogram, **images.fingerprint()}


class ImageData(ViewData[ImageSplits, Views]):
    """Views and clean images of an image data set; see `ViewData`.

    Raises:
        ConfigError: the images are files, and a view does not begin with a crop.
    """

    reads = "images"
    item = "image"

    def __init__(self, splits: ImageSplits, views: Views, **options: Any) -> None:
        if isinstance(splits.train, ImageFiles):
            for kind in views:
                kind.leading_crop()
        super().__init__(splits, views, **options)

    def prepare(self) -> Prepare:
        """What workers make of decoded images: the crop that every view begins with."""
        return partial(self.views.cut, seed=self.seed, size=self.splits.size, to_tensor=to_tensor)

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Images of a split, normalised, without random operations; all by default, in order."""
        images: Images | ImageFiles = getattr(self.splits, split)
        rows = torch.arange(len(images.label)) if rows is None else rows
        height, width = self.splits.size
        batch_size = max(1, min(CLEAN_BATCH, CLEAN_PIXELS // (height * width)))
        for sample in images.samples(rows.split(batch_size)):
            image = normalise(sample.input, self.splits.mean, self.splits.std)
            yield sample._replace(input=image)

    def controls(self) -> Mapping[str, Callable[[Split], Float[Tensor, "N D"]]]:
        """The pixels themselves."""
        return {"raw": self._raw}

    def _raw(self, split: Split) -> Float[Tensor, "N D"]:
        images: Images | ImageFiles = getattr(self.splits, split)
        return raw_pixels(images.samples(self.probed(split).split(CLEAN_BATCH)), self.splits.size)

    def pictures(self, view: Float[Tensor, "B C H W"]) -> UInt8[np.ndarray, "B C H W"]:
        """Views as the report shows them."""
        return denormalised(view, self.splits.mean, self.splits.std)

    def originals(self, split: Rows, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B C H W"]:
        """The bytes of images."""
        return split.sample(rows).input.numpy()


def normalise(
    image: UInt8[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "B C H W"]:
    """(image / 255 - mean) / std per channel, float32."""
    shape = (1, -1, 1, 1)
    scaled = image.float() / 255
    return (scaled - scaled.new_tensor(mean).view(shape)) / scaled.new_tensor(std).view(shape)
