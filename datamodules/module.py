"""The base of the data modules, and the protocols of data sets and view declarations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews.batch import Batch, Sample, check
from manyviews.datamodules.loader import EpochLoader, Source
from manyviews.datamodules.named_splits import Split, named_splits
from manyviews.datamodules.preprocessing import Preprocessing
from manyviews.datamodules.some_rows import SomeRows
from manyviews.errors import ConfigError

Reads = Literal["images", "series"]


@runtime_checkable
class Rows(Source, Protocol):
    """A split of images or windows."""

    @property
    def group(self) -> Int64[Tensor, " N"] | None:
        """Group of every row (person, patient, video), -1 if unknown; None if there are none."""
        ...

    def sample(self, rows: Int64[Tensor, " B"], prepare: Any = None, epoch: int = 0) -> Sample:
        """Return these rows as one batch."""
        ...


@runtime_checkable
class Splits(Protocol):
    """A data set: its splits, class names and the statistics that normalise it."""

    @property
    def name(self) -> str:
        """Name of the data set, as in `data=<name>`."""
        ...

    @property
    def train(self) -> Rows:
        """Split for pretraining; also the kNN bank and the training set of the probes."""
        ...

    @property
    def test(self) -> Rows:
        """Split for the scores; nothing is ever chosen on it."""
        ...

    @property
    def val(self) -> Rows | None:
        """Split to choose settings and checkpoints on; None if there is none."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        ...

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of every channel, for normalisation."""
        ...

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of every channel, for normalisation."""
        ...

    @property
    def skipped(self) -> tuple[str, ...]:
        """A sentence for each file or recording that was left out."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each thing that was not read, or read differently than expected."""
        ...

    @property
    def channels(self) -> int:
        """Number of channels of every row."""
        ...

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width in pixels, or steps of a window."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the content."""
        ...


@runtime_checkable
class Declared(Protocol):
    """A declaration of views, called with a batch of rows."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the declaration of every single view."""
        ...

    @property
    def sizes(self) -> Callable[..., Sequence[tuple[int, ...]]]:
        """Function from the size of a row to the size of every view."""
        ...

    def __call__(
        self,
        rows: Any,
        position: Int64[Tensor, " B"],
        /,
        *,
        seed: int,
        epoch: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> list[Float[Tensor, "B ..."]]:
        """Return one normalised float32 batch per view."""
        ...


S = TypeVar("S", bound=Splits)
W = TypeVar("W", bound=Declared)


class ViewData(pl.LightningDataModule, Generic[S, W]):
    """A data module: batches of views for training, clean normalised rows for evaluation.

    Args:
        splits: the data set.
        views: the declaration of the views.
        batch_size: global batch size: rows per optimizer step, summed over ranks.
        seed: seed of the run; it determines the order of the samples and all views.
        pieces: batches per optimizer step and rank (gradient accumulation).
        label: int64 (N,), class of each training row for the method, instead of the data set's own;
            evaluation does not use it.

    Attributes:
        preprocessing: what a backbone that was trained elsewhere expects of its inputs; None: the
            data as they are, normalised by the statistics of the training split.
        chosen: the rows of the training split that are trained on; None: all of them.
    """

    reads: ClassVar[Reads]
    item: ClassVar[str]  # what a row is called in messages
    further: ClassVar[tuple[str, ...]] = ()  # metrics that are reported besides accuracy

    def __init__(
        self,
        splits: S,
        views: W,
        *,
        batch_size: int,
        seed: int,
        pieces: int = 1,
        label: Int64[Tensor, " N"] | None = None,
    ) -> None:
        super().__init__()
        self.splits = splits
        self.views = views
        self.given_label = label
        self.preprocessing: Preprocessing | None = None
        self.chosen: Int64[Tensor, " n"] | None = None
        self.batch_size, self.pieces = batch_size, pieces
        self.seed = seed
        self.current: EpochLoader | None = None
        self.restored: dict[str, int] | None = None

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of every channel, for normalisation."""
        return self.splits.mean if self.preprocessing is None else self.preprocessing.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of every channel, for normalisation."""
        return self.splits.std if self.preprocessing is None else self.preprocessing.std

    @property
    def channels(self) -> int:
        """Number of channels that the backbone reads."""
        expected = self.preprocessing
        return self.splits.channels if expected is None else expected.channels

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width in pixels, or steps, of the clean inputs that the backbone reads."""
        return self.splits.size if self.preprocessing is None else self.preprocessing.size

    @property
    def clean_batch(self) -> int:
        """Number of rows in a batch of `clean`; the last batch may have fewer."""
        raise NotImplementedError

    @property
    def trained(self) -> Rows:
        """The rows whose views the method is trained on."""
        rows = self.splits.train
        return rows if self.chosen is None else SomeRows(rows, self.chosen)

    def training_on(
        self, chosen: Int64[Tensor, " n"], views: W, *, batch_size: int, seed: int
    ) -> ViewData[S, W]:
        """Return a data module of the same data that trains on some rows, with other views.

        Args:
            chosen: rows of the training split; labels are the data set's own.
            views: the declaration of the views.
            batch_size: global batch size.
            seed: determines the order of the samples and all views.
        """
        other = copy.copy(self)
        other.chosen, other.views = chosen, views
        other.batch_size, other.pieces, other.seed = batch_size, 1, seed
        other.given_label = other.trainer = other.current = other.restored = None
        return other

    @property
    def label(self) -> Int64[Tensor, " N"]:
        """The class of each training row that the method sees, -1 if unknown."""
        return self.trained.label if self.given_label is None else self.given_label

    def train_dataloader(self) -> EpochLoader:
        """Return the loader of this rank; in a resumed run it continues where that run stopped."""
        if self.trainer is None:
            return self.loader()  # one process, for looking at batches without a trainer
        self.current = self.loader(self.trainer.global_rank, self.trainer.world_size)
        if self.restored is not None:
            self.current.load_state_dict(self.restored)
        return self.current

    # Lightning restores loaders by itself, but not if `configure_optimizers` asks for the number of
    # steps: that builds the loader before the checkpoint is read.
    def state_dict(self) -> dict[str, int]:
        """Return the position of the training loader."""
        return self.current.state_dict() if self.current else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next training loader begin at this position."""
        self.restored = state_dict or None

    def loader(self, rank: int = 0, world: int = 1) -> EpochLoader:
        """Return the training loader of one rank.

        Raises:
            ConfigError: the batch is larger than the set, or cannot be divided equally.
        """
        return EpochLoader(
            self.trained,
            self.prepare(),
            batch_size=self.batch_size,
            seed=self.seed,
            rank=rank,
            world=world,
            pieces=self.pieces,
            item=self.item,
        )

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Batch:
        """Return the views for the trainer's current epoch, made on the device of the rows."""
        # Lightning calls this hook once a batch is on the device, so that a GPU makes the views.
        if self.trainer is None:
            raise RuntimeError("no trainer is attached; call make_batch(sample, epoch)")
        return self.make_batch(batch, self.trainer.current_epoch)

    def make_batch(self, sample: Sample, epoch: int) -> Batch:
        """Return the views of these samples in `epoch`; they depend on no other sample."""
        views = self.views(
            sample.input,
            sample.position,
            seed=self.seed,
            epoch=epoch,
            mean=self.mean,
            std=self.std,
        )
        label = sample.label
        if self.given_label is not None:
            label = self.given_label.to(label.device)[sample.position]
        return check(Batch(views, label, sample.position, sample.view_label))

    def batch(self, rows: Int64[Tensor, " B"], epoch: int) -> Batch:
        """Return the views of these training rows in `epoch`."""
        return self.make_batch(self.trained.sample(rows, self.prepare(), epoch), epoch)

    def rows_of(self, split: Split) -> Rows:
        """Return a split.

        Raises:
            ConfigError: the data have no validation split.
        """
        rows = named_splits(self.splits)
        if split not in rows:
            raise ConfigError(
                f"data={self.splits.name} has no validation split; type data.val=0.1 to hold out a "
                "tenth of train"
            )
        return rows[split]

    def probed(self, split: Split) -> Int64[Tensor, " N"]:
        """Return the rows that evaluation reads: all labelled ones, or every row if none is."""
        label = self.rows_of(split).label
        known = (label >= 0).nonzero()[:, 0]
        return known if len(known) else torch.arange(len(label))

    def prepare(self) -> Any:
        """Return the function that prepares rows on the CPU while they are read."""
        raise NotImplementedError

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Yield normalised rows without augmentation, in order; by default all of the split."""
        raise NotImplementedError

    def groups(self, split: Split) -> tuple[Int64[Tensor, " N"], tuple[str, ...]] | None:
        """Return the group of each row as an index into names, -1 if unknown; None without groups.

        A group is what must not lie in two splits: a person, a patient, a video.
        """
        raise NotImplementedError

    def controls(self) -> Mapping[str, Callable[[Split], Float[Tensor, "N D"]]]:
        """Return baselines by name: functions from a split to features that need no backbone."""
        raise NotImplementedError

    def pictures(self, view: Float[Tensor, "B C ..."]) -> UInt8[np.ndarray, "B c H W"]:
        """Return views as pictures for the report."""
        raise NotImplementedError

    def originals(self, split: Rows, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B c H W"]:
        """Return rows of a split, or of `trained`, as pictures for the report."""
        raise NotImplementedError
