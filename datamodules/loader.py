"""The order of the samples: each global batch is the next piece of the epoch's permutation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Int64
from torch import Tensor

from manyviews import draws
from manyviews.batch import Sample
from manyviews.errors import ConfigError


@runtime_checkable
class Source(Protocol):
    """A split: what makes samples of given rows."""

    @property
    def label(self) -> Int64[Tensor, " N"]:
        """-1 where unknown."""
        ...

    def samples(
        self, batches: Sequence[Int64[Tensor, " B"]], prepare: Any, epoch: int
    ) -> Iterator[Sample]:
        """The batches in their order; workers may run ahead."""
        ...


class EpochLoader:
    """Yields this rank's contiguous share of each global batch; resumes in mid-epoch.

    The order depends on (seed, epoch) alone, so W ranks together see exactly the batches that one
    process sees. The last incomplete global batch is dropped.

    Args:
        rows: the training split.
        prepare: what is made of rows as they are read.
        batch_size: global batch, a multiple of `world * pieces`.
        seed: of the run.
        rank: of this process.
        world: number of processes.
        pieces: batches that make one global batch, under gradient accumulation.
        item: what a row is, in words.

    Raises:
        ConfigError: the batch is larger than the set, or cannot be shared equally.
    """

    def __init__(
        self,
        rows: Source,
        prepare: Any,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        pieces: int = 1,
        item: str = "image",
    ) -> None:
        count = len(rows.label)
        if not 1 < batch_size <= count:
            raise ConfigError(
                f"batch_size={batch_size} does not fit a training set of {count} {item}s; "
                f"choose batch_size=2 to batch_size={count}"
            )
        if batch_size % (world * pieces) or batch_size < 2 * pieces:  # batch norm refuses one row
            nearest = max(batch_size // (world * pieces), 1 + (world == 1)) * world * pieces
            raise ConfigError(
                f"batch_size={batch_size} cannot be shared by {world} processes with "
                f"trainer.accumulate_grad_batches={pieces}, two rows or more at a time; "
                f"type batch_size={nearest}"
            )
        self.rows, self.prepare, self.count = rows, prepare, count
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.pieces = pieces
        self.epoch = 0
        self.yielded = 0

    @property
    def sampler(self) -> EpochLoader:
        """Itself: Lightning tells the epoch to `loader.sampler`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Begin `epoch`, unless it is the one whose middle was just restored."""
        # Lightning stops after len(self) batches without exhausting the iterator, so the position
        # is reset here and not at the end of __iter__.
        if epoch != self.epoch or self.yielded >= len(self):
            self.epoch, self.yielded = epoch, 0

    def __len__(self) -> int:
        """Batches in an epoch: `pieces` to a global batch, whole global batches only."""
        return self.count // self.batch_size * self.pieces

    def __iter__(self) -> Iterator[Sample]:
        """The batches of the current epoch that were not yielded yet."""
        order = draws.permutation(self.seed, self.epoch, self.count)
        share = self.batch_size // (self.world * self.pieces)
        starts = [(i * self.world + self.rank) * share for i in range(self.yielded, len(self))]
        batches = [order[start : start + share] for start in starts]
        for sample in self.rows.samples(batches, self.prepare, self.epoch):
            self.yielded += 1
            yield sample

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands."""
        return {"epoch": self.epoch, "yielded": self.yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue behind the last batch that was yielded."""
        self.epoch, self.yielded = state["epoch"], state["yielded"]
