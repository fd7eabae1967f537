"""The training loader: every epoch is a permutation, and each global batch its next piece."""

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
    """A split that yields batches of samples."""

    @property
    def label(self) -> Int64[Tensor, " N"]:
        """Class of every row, -1 if unknown."""
        ...

    def samples(
        self, batches: Sequence[Int64[Tensor, " _"]], prepare: Any = None, epoch: int = 0
    ) -> Iterator[Sample]:
        """Yield the batches in the given order; workers may run ahead."""
        ...


class EpochLoader:
    """A loader of this rank's contiguous share of each global batch; it resumes in mid-epoch.

    The order depends only on (seed, epoch), so W ranks together see exactly the batches of a single
    process. The last, incomplete global batch is dropped.

    Args:
        rows: the training split.
        prepare: function that the split applies to rows while it reads them; None: none.
        batch_size: global batch size, a multiple of `world * pieces`.
        seed: seed of the run.
        rank: rank of this process.
        world: number of processes.
        pieces: batches per optimizer step and rank (gradient accumulation).
        item: what a row is called in error messages, for example "image".

    Raises:
        ConfigError: the batch is larger than the set, or cannot be divided equally.
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
        if batch_size % (world * pieces) or batch_size < 2 * pieces:  # batch norm needs two rows
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
        """This loader: Lightning calls `loader.sampler.set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Begin `epoch`, unless its position was just restored."""
        # Lightning stops after len(self) batches without exhausting the iterator, so the position
        # is reset here and not at the end of __iter__.
        if epoch != self.epoch or self.yielded >= len(self):
            self.epoch, self.yielded = epoch, 0

    def __len__(self) -> int:
        """Return the batches of an epoch: `pieces` for each complete global batch."""
        return self.count // self.batch_size * self.pieces

    def __iter__(self) -> Iterator[Sample]:
        """Yield the batches of the current epoch that were not yielded yet."""
        order = draws.permutation(self.seed, self.epoch, self.count)
        share = self.batch_size // (self.world * self.pieces)
        # Piece by piece, and in a piece rank by rank: a global batch is contiguous in the order.
        starts = [(i * self.world + self.rank) * share for i in range(self.yielded, len(self))]
        batches = [order[start : start + share] for start in starts]
        for sample in self.rows.samples(batches, self.prepare, self.epoch):
            self.yielded += 1
            yield sample

    def state_dict(self) -> dict[str, int]:
        """Return the position of the loader."""
        return {"epoch": self.epoch, "yielded": self.yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the last batch that was yielded."""
        self.epoch, self.yielded = state["epoch"], state["yielded"]
