"""Batches from memory: each global batch is the next piece of the epoch's permutation."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Int64, UInt8
from torch import Tensor

from manyviews import draws
from manyviews.batch import Sample
from manyviews.errors import ConfigError


class ResidentLoader:
    """Yields this rank's contiguous share of each global batch; resumes in mid-epoch.

    The order depends on (seed, epoch) alone, so W ranks together see exactly the batches that one
    process sees. The last incomplete global batch is dropped.

    Args:
        image: uint8 (N, C, H, W).
        label: int64 (N,).
        batch_size: global batch, a multiple of `world * pieces`.
        seed: of the run.
        rank: of this process.
        world: number of processes.
        pieces: batches that make one global batch, under gradient accumulation.

    Raises:
        ConfigError: the batch is larger than the set, or cannot be shared equally.
    """

    def __init__(
        self,
        image: UInt8[Tensor, "N C H W"],
        label: Int64[Tensor, " N"],
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        pieces: int = 1,
    ) -> None:
        if not 1 < batch_size <= len(label):
            raise ConfigError(
                f"batch_size={batch_size} does not fit a training set of {len(label)} images; "
                f"choose batch_size=2 to batch_size={len(label)}"
            )
        if batch_size % (world * pieces):
            nearest = max(batch_size // (world * pieces), 1) * world * pieces
            raise ConfigError(
                f"batch_size={batch_size} cannot be shared by {world} processes with "
                f"trainer.accumulate_grad_batches={pieces}; type batch_size={nearest}"
            )
        self.image, self.label = image, label
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.pieces = pieces
        self.epoch = 0
        self.yielded = 0

    @property
    def sampler(self) -> ResidentLoader:
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
        return len(self.label) // self.batch_size * self.pieces

    def __iter__(self) -> Iterator[Sample]:
        """The batches of the current epoch that were not yielded yet."""
        order = draws.permutation(self.seed, self.epoch, len(self.label))
        share = self.batch_size // (self.world * self.pieces)
        while self.yielded < len(self):
            start = (self.yielded * self.world + self.rank) * share
            rows = order[start : start + share]
            self.yielded += 1
            yield Sample(self.image[rows], self.label[rows], rows)

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands."""
        return {"epoch": self.epoch, "yielded": self.yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue behind the last batch that was yielded."""
        self.epoch, self.yielded = state["epoch"], state["yielded"]
