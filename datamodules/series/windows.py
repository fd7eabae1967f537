"""Windows of equal length, cut from the recordings whenever a batch needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.batch import Sample
from manyviews.datamodules.series.recordings import Recordings

AT_ONCE = 2**24  # steps whose labels are counted together, which bounds the memory

Prepare = Callable[["Windows", Tensor, int], Sample]
"""A function (split, rows (B,), epoch) -> sample that replaces the windows of the rows."""


@dataclass(frozen=True)
class Windows:
    """One split: its recordings, and the first step of every window.

    Attributes:
        recordings: the recordings of this split.
        start: int64 (N,), first step of each window in the flat array.
        length: steps of every window.
        label: int64 (N,), majority class of each window, -1 if its share is below `min_purity`.
        subject: int64 (N,), index into the names of the subjects.
        min_purity: share of the steps that the majority class must have.
    """

    recordings: Recordings
    start: Int64[Tensor, " N"]
    length: int
    label: Int64[Tensor, " N"]
    subject: Int64[Tensor, " N"]
    min_purity: float = 1.0

    @property
    def channels(self) -> int:
        """Number of channels of every window."""
        return self.recordings.value.shape[1]

    @property
    def size(self) -> tuple[int]:
        """Number of steps of every window."""
        return (self.length,)

    @property
    def recording(self) -> Int64[Tensor, " N"]:
        """Index of the recording that each window is cut from."""
        return self.recordings.at(self.start)

    def only(self, rows: Int64[Tensor, " n"]) -> Windows:
        """Return these windows alone, of the same recordings."""
        start, label, subject = (part[rows] for part in (self.start, self.label, self.subject))
        return replace(self, start=start, label=label, subject=subject)

    def at(self, start: Int64[Tensor, " n"]) -> Windows:
        """Return the windows that begin at these steps of the flat array."""
        subject = self.recordings.subject[self.recordings.at(start)]
        return replace(self, start=start, label=self.labels(start), subject=subject)

    def values(self, start: Int64[Tensor, " B"]) -> Float[Tensor, "B C T"]:
        """Return the values of the windows that begin at these steps, in the units of the data."""
        # unfold makes a strided view, so that only the chosen windows are copied.
        return self.recordings.value.unfold(0, self.length, 1)[start]

    def labels(self, start: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the class of the windows that begin at these steps, as in `majority`."""
        return majority(self.recordings, start, self.length, self.min_purity)

    @property
    def group(self) -> Int64[Tensor, " N"] | None:
        """The subject of every window, None if nobody knows the subjects; images use this name."""
        return self.subject if self.recordings.knows_subjects else None

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """Return these rows: their windows, or the result of `prepare` if it is given."""
        if prepare is not None:
            return prepare(self, rows, epoch)
        group = None if self.group is None else self.group[rows]
        return Sample(self.values(self.start[rows]), self.label[rows], rows, group=group)

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " _"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """Yield the batches in the given order."""
        return (self.sample(rows, prepare, epoch) for rows in batches)

    def fingerprint(self) -> dict[str, Any]:
        """Return a digest over the recordings, their labels and the positions of the windows."""
        held = self.recordings
        digest = hashlib.sha256(np.ascontiguousarray(held.value.numpy()).data)
        # Other windows of the same recordings are other data.
        for part in (held.offset, held.subject, held.label, self.start, self.label):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        digest.update(repr((self.length, held.rate)).encode())
        return {"sha256": digest.hexdigest()}


def grid(
    recordings: Recordings, length: int, stride: int | None = None, min_purity: float = 1.0
) -> Windows:
    """Return the windows on a regular grid; it starts anew in every recording, so none crosses two.

    Args:
        recordings: a recording that is shorter than a window gives none.
        length: steps of a window.
        stride: steps from one window to the next; None: the length of a window.
        min_purity: share of the steps that the majority class must have, in (0, 1].
    """
    stride = stride or length
    starts = [
        torch.arange(int(begin), int(end) - length + 1, stride)
        for begin, end in zip(recordings.offset[:-1], recordings.offset[1:], strict=True)
        if end - begin >= length
    ]
    start = torch.cat([torch.empty(0, dtype=torch.int64), *starts])
    label = majority(recordings, start, length, min_purity)
    subject = recordings.subject[recordings.at(start)]
    return Windows(recordings, start, length, label, subject, min_purity)


def majority(
    recordings: Recordings, start: Int64[Tensor, " B"], length: int, min_purity: float
) -> Int64[Tensor, " B"]:
    """Return the majority class of each window, -1 if its share is below `min_purity`.

    Steps of unknown class compete as one further class, so that a mostly unknown window is -1.
    """
    if not len(start):
        return start.clone()
    steps = recordings.label.unfold(0, length, 1)
    classes, chosen = len(recordings.classes), []
    for some in start.split(max(1, AT_ONCE // length)):
        seen = steps[some] + 1  # class 0 is now "unknown"
        votes = seen.new_zeros(len(some), classes + 1)
        votes.scatter_add_(1, seen, torch.ones_like(seen))
        most = votes.max(1)
        pure = (
            most.values >= min_purity * length - 1e-6
        )  # in floating point, .9 * 10 is a little more than 9
        chosen.append(torch.where(pure, most.indices - 1, -1))
    return torch.cat(chosen)
