"""Some rows of a split as a training set of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jaxtyping import Int64
from torch import Tensor

from manyviews.batch import Sample


class SomeRows:
    """Some rows of a split, which keep their positions in it; random numbers depend on these.

    Args:
        split: the split.
        chosen: int64 (n,), its rows that are kept, in this order.
    """

    def __init__(self, split: Any, chosen: Int64[Tensor, " n"]) -> None:
        self.split, self.chosen = split, chosen

    @property
    def label(self) -> Int64[Tensor, " n"]:
        """Class of every row, -1 if unknown."""
        return self.split.label[self.chosen]

    @property
    def group(self) -> Int64[Tensor, " n"] | None:
        """Group of every row, -1 if unknown; None if there are none."""
        return None if self.split.group is None else self.split.group[self.chosen]

    def sample(self, rows: Int64[Tensor, " B"], prepare: Any = None, epoch: int = 0) -> Sample:
        """Return these of the chosen rows as one batch."""
        return self.split.sample(self.chosen[rows], prepare, epoch)

    def samples(
        self, batches: Sequence[Int64[Tensor, " _"]], prepare: Any = None, epoch: int = 0
    ) -> Iterator[Sample]:
        """Yield batches of the chosen rows in the given order; workers may run ahead."""
        return self.split.samples([self.chosen[rows] for rows in batches], prepare, epoch)
