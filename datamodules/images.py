"""Images and their labels, and the data module that turns them into batches of views."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews.batch import Batch, Sample, check
from manyviews.datamodules.files import ImageFiles, Prepare
from manyviews.datamodules.listing import Listing
from manyviews.datamodules.loader import EpochLoader
from manyviews.datamodules.pixels import denormalised, raw_pixels
from manyviews.datamodules.views import Views
from manyviews.evaluation.features import Features

Split = Literal["train", "test"]
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


class ImageData(pl.LightningDataModule):
    """Batches of views for training, clean normalised images for evaluation.

    Args:
        splits: the data set.
        views: the declaration of the views.
        batch_size: global batch: per optimizer step, summed over ranks.
        seed: of the run; the order of the samples and all views follow from it.
        pieces: batches that make one global batch, under gradient accumulation.
        label: int64 (N,), class of each training image for the method, in place of the data's own;
            evaluation does not see it.

    Raises:
        ConfigError: the images are files, and a view does not begin with a crop.
    """

    items: ClassVar[str] = "images"  # what the report calls a row
    further: ClassVar[tuple[str, ...]] = ()  # measures beside accuracy

    def __init__(
        self,
        splits: ImageSplits,
        views: Views,
        *,
        batch_size: int,
        seed: int,
        pieces: int = 1,
        label: Int64[Tensor, " N"] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(splits.train, ImageFiles):
            for kind in views:
                kind.leading_crop()
        self.splits = splits
        self.views = views
        self.given_label = label
        self.batch_size, self.pieces = batch_size, pieces
        self.seed = seed
        self.current: EpochLoader | None = None
        self.restored: dict[str, int] | None = None

    @property
    def label(self) -> Int64[Tensor, " N"]:
        """The class of each training image that the method sees, -1 where unknown."""
        return self.splits.train.label if self.given_label is None else self.given_label

    def train_dataloader(self) -> EpochLoader:
        """This rank's share of every global batch, from where a restored run stood."""
        if self.trainer is None:
            return self.loader()
        self.current = self.loader(self.trainer.global_rank, self.trainer.world_size)
        if self.restored is not None:
            self.current.load_state_dict(self.restored)
        return self.current

    # Lightning restores a loader by itself, but not where `configure_optimizers` asked for the
    # number of steps: that makes the loader before the checkpoint is read.
    def state_dict(self) -> dict[str, int]:
        """Where the training loader stands."""
        return self.current.state_dict() if self.current else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next training loader begin there."""
        self.restored = state_dict or None

    def loader(self, rank: int = 0, world: int = 1) -> EpochLoader:
        """The share of one rank.

        Raises:
            ConfigError: the batch is larger than the set, or cannot be shared equally.
        """
        return EpochLoader(
            self.splits.train,
            self.cut(),
            batch_size=self.batch_size,
            seed=self.seed,
            rank=rank,
            world=world,
            pieces=self.pieces,
        )

    def cut(self) -> Prepare:
        """What workers make of decoded images: the crop that every view begins with."""
        return partial(self.views.cut, seed=self.seed, size=self.splits.size)

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Batch:
        """The views of the trainer's current epoch, made on the device where the images lie."""
        if self.trainer is None:
            raise RuntimeError("no trainer is attached; call make_batch(sample, epoch)")
        return self.make_batch(batch, self.trainer.current_epoch)

    def make_batch(self, sample: Sample, epoch: int) -> Batch:
        """The views that these samples have in `epoch`, whatever the batch they come in."""
        views = self.views(
            sample.input,
            sample.position,
            seed=self.seed,
            epoch=epoch,
            mean=self.splits.mean,
            std=self.splits.std,
        )
        label = sample.label
        if self.given_label is not None:
            label = self.given_label.to(label.device)[sample.position]
        return check(Batch(views, label, sample.position))

    def batch(self, rows: Int64[Tensor, " B"], epoch: int) -> Batch:
        """The views that these rows of the training split have in `epoch`."""
        return self.make_batch(self.splits.train.sample(rows, self.cut(), epoch), epoch)

    def probed(self, split: Split) -> Int64[Tensor, " N"]:
        """Rows that evaluation reads: those with a label, all where there is none."""
        label = getattr(self.splits, split).label
        known = (label >= 0).nonzero()[:, 0]
        return known if len(known) else torch.arange(len(label))

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Images of a split, normalised, without random operations; all by default, in order."""
        images: Images | ImageFiles = getattr(self.splits, split)
        rows = torch.arange(len(images.label)) if rows is None else rows
        height, width = self.splits.size
        batch_size = max(1, min(CLEAN_BATCH, CLEAN_PIXELS // (height * width)))
        for sample in images.samples(rows.split(batch_size)):
            image = normalise(sample.input, self.splits.mean, self.splits.std)
            yield sample._replace(input=image)

    def subjects(self, split: Split) -> tuple[Int64[Tensor, " N"], tuple[str, ...]] | None:
        """Whom each row of a split comes from, as an index into names; images tell nobody."""
        return None

    def controls(self) -> Mapping[str, Callable[[Split], Features]]:
        """Features without a backbone that a trained one has to beat."""
        return {"raw": self._raw}

    def _raw(self, split: Split) -> Features:
        images: Images | ImageFiles = getattr(self.splits, split)
        return raw_pixels(images.samples(self.probed(split).split(CLEAN_BATCH)), self.splits.size)

    def pictures(self, view: Float[Tensor, "B C H W"]) -> UInt8[np.ndarray, "B C H W"]:
        """Views as the report shows them."""
        return denormalised(view, self.splits.mean, self.splits.std)

    def originals(self, split: Split, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B C H W"]:
        """Rows of a split as the report shows them."""
        images: Images | ImageFiles = getattr(self.splits, split)
        return images.sample(rows).input.numpy()


def normalise(
    image: UInt8[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "B C H W"]:
    """(image / 255 - mean) / std per channel, float32."""
    shape = (1, -1, 1, 1)
    scaled = image.float() / 255
    return (scaled - scaled.new_tensor(mean).view(shape)) / scaled.new_tensor(std).view(shape)
