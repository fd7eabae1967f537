"""The data module: batches of views for training, clean inputs for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from manyviews.batch import Batch, Sample, check
from manyviews.datamodules.loader import EpochLoader, Source

Split = Literal["train", "test"]
Reads = Literal["images", "series"]


@runtime_checkable
class Rows(Source, Protocol):
    """A split: rows of one kind."""

    def sample(self, rows: Int64[Tensor, " B"], prepare: Any = None, epoch: int = 0) -> Sample:
        """These rows."""
        ...


@runtime_checkable
class Splits(Protocol):
    """A data set: its splits, class names and the statistics that normalise it."""

    @property
    def name(self) -> str:
        """As in `data=<name>`."""
        ...

    @property
    def train(self) -> Rows:
        """What is pretrained on, the bank of kNN and the training set of the probes."""
        ...

    @property
    def test(self) -> Rows:
        """Scored once, never chosen on."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        ...

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel."""
        ...

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel."""
        ...

    @property
    def skipped(self) -> tuple[str, ...]:
        """What was left out, with the reason of each."""
        ...

    @property
    def channels(self) -> int:
        """Of every row."""
        ...

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width in pixels, or steps of a window."""
        ...

    def fingerprint(self) -> dict[str, Any]:
        """What identifies the content."""
        ...


@runtime_checkable
class Declared(Protocol):
    """The declaration of the views."""

    def __iter__(self) -> Iterator[Any]:
        """The kind of every single view."""
        ...

    @property
    def sizes(self) -> Callable[..., Sequence[tuple[int, ...]]]:
        """Of every view of a row, given the size of the row."""
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
        """One normalised float32 batch per view."""
        ...


S = TypeVar("S", bound=Splits)
W = TypeVar("W", bound=Declared)


class ViewData(pl.LightningDataModule, Generic[S, W]):
    """Batches of views for training, clean normalised rows for evaluation.

    Args:
        splits: the data set.
        views: the declaration of the views.
        batch_size: global batch: per optimizer step, summed over ranks.
        seed: of the run; the order of the samples and all views follow from it.
        pieces: batches that make one global batch, under gradient accumulation.
        label: int64 (N,), class of each training row for the method, in place of the data's own;
            evaluation does not see it.
    """

    reads: ClassVar[Reads]
    item: ClassVar[str]  # what a row is, in words
    further: ClassVar[tuple[str, ...]] = ()  # measures beside accuracy, of `evaluation.words`

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
        self.batch_size, self.pieces = batch_size, pieces
        self.seed = seed
        self.current: EpochLoader | None = None
        self.restored: dict[str, int] | None = None

    @property
    def trained(self) -> Rows:
        """The rows whose views are trained on."""
        return self.splits.train

    @property
    def label(self) -> Int64[Tensor, " N"]:
        """The class of each training row that the method sees, -1 where unknown."""
        return self.trained.label if self.given_label is None else self.given_label

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
        """The views of the trainer's current epoch, made on the device where the rows lie."""
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
        return check(Batch(views, label, sample.position, sample.view_label))

    def batch(self, rows: Int64[Tensor, " B"], epoch: int) -> Batch:
        """The views that these training rows have in `epoch`."""
        return self.make_batch(self.trained.sample(rows, self.prepare(), epoch), epoch)

    def probed(self, split: Split) -> Int64[Tensor, " N"]:
        """Rows that evaluation reads: those with a label, all where there is none."""
        label = getattr(self.splits, split).label
        known = (label >= 0).nonzero()[:, 0]
        return known if len(known) else torch.arange(len(label))

    def prepare(self) -> Any:
        """What is made of rows as they are read, before they reach the device."""
        raise NotImplementedError

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Rows of a split, normalised, without random operations; all by default, in order."""
        raise NotImplementedError

    def subjects(self, split: Split) -> tuple[Int64[Tensor, " N"], tuple[str, ...]] | None:
        """Whom each row of a split comes from, as an index into names; None where nobody is."""
        return None

    def controls(self) -> Mapping[str, Callable[[Split], Float[Tensor, "N D"]]]:
        """What a trained backbone has to beat without one: features of the probed rows, by name."""
        raise NotImplementedError

    def pictures(self, view: Float[Tensor, "B C ..."]) -> UInt8[np.ndarray, "B c H W"]:
        """Views as the report shows them."""
        raise NotImplementedError

    def originals(self, split: Rows, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B c H W"]:
        """Rows as the report shows them; of a split, or of `trained`."""
        raise NotImplementedError
