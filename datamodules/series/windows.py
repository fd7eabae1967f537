"""Windows of equal length, cut from recordings when they are asked for."""

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

AT_ONCE = 2**24  # steps whose labels are looked at together

Prepare = Callable[["Windows", Tensor, int], Sample]
"""What makes a sample of (split, rows (B,), epoch) in place of the rows' own windows."""


@dataclass(frozen=True)
class Windows:
    """One split: where its windows begin, and the recordings that they are cut from.

    Attributes:
        recordings: of this split.
        start: int64 (N,), first step of each window in the flat array.
        length: steps of every window.
        label: int64 (N,), class of most of its steps, -1 where fewer than `min_purity` have it.
        subject: int64 (N,), index into the subjects' names.
        min_purity: share of the steps that one class must have.
    """

    recordings: Recordings
    start: Int64[Tensor, " N"]
    length: int
    label: Int64[Tensor, " N"]
    subject: Int64[Tensor, " N"]
    min_purity: float = 1.0

    @property
    def channels(self) -> int:
        """Channels of every window."""
        return self.recordings.value.shape[1]

    @property
    def size(self) -> tuple[int]:
        """Steps of every window."""
        return (self.length,)

    @property
    def recording(self) -> Int64[Tensor, " N"]:
        """The recording that each window is cut from."""
        return self.recordings.at(self.start)

    def only(self, rows: Int64[Tensor, " n"]) -> Windows:
        """These windows, of the same recordings."""
        start, label, subject = (part[rows] for part in (self.start, self.label, self.subject))
        return replace(self, start=start, label=label, subject=subject)

    def at(self, start: Int64[Tensor, " n"]) -> Windows:
        """The windows that begin at these steps of the flat array, of the same recordings."""
        subject = self.recordings.subject[self.recordings.at(start)]
        return replace(self, start=start, label=self.labels(start), subject=subject)

    def values(self, start: Int64[Tensor, " B"]) -> Float[Tensor, "B C T"]:
        """The windows that begin at these steps of the flat array, in the units of the data."""
        return self.recordings.value.unfold(0, self.length, 1)[start]

    def labels(self, start: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """The class of the windows that begin there, -1 where none has `min_purity` of the steps.

        Steps of unknown class count like a class of their own.
        """
        return majority(self.recordings, start, self.length, self.min_purity)

    def sample(
        self, rows: Int64[Tensor, " B"], prepare: Prepare | None = None, epoch: int = 0
    ) -> Sample:
        """These rows: their own windows, or what `prepare` makes of them."""
        if prepare is not None:
            return prepare(self, rows, epoch)
        return Sample(self.values(self.start[rows]), self.label[rows], rows)

    def samples(
        self,
        batches: Sequence[Int64[Tensor, " _"]],
        prepare: Prepare | None = None,
        epoch: int = 0,
    ) -> Iterator[Sample]:
        """The batches in their order."""
        return (self.sample(rows, prepare, epoch) for rows in batches)

    def fingerprint(self) -> dict[str, Any]:
        """Digest over the recordings, their labels, and where the windows lie."""
        held = self.recordings
        digest = hashlib.sha256(np.ascontiguousarray(held.value.numpy()).data)
        for part in (held.offset, held.subject, held.label, self.start, self.label):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        digest.update(repr((self.length, held.rate)).encode())
        return {"sha256": digest.hexdigest()}


def grid(
    recordings: Recordings, length: int, stride: int | None = None, min_purity: float = 1.0
) -> Windows:
    """All windows of a grid that begins anew in every recording, so that none crosses a border.

    Args:
        recordings: to cut; those shorter than a window give none.
        length: steps of a window.
        stride: steps from one window to the next; None: the length.
        min_purity: share of the steps that one class must have, in (0, 1].
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
    """The class of most steps of each window, -1 where it has less than `min_purity` of them."""
    if not len(start):
        return start.clone()
    steps = recordings.label.unfold(0, length, 1)
    classes, chosen = len(recordings.classes), []
    for some in start.split(max(1, AT_ONCE // length)):
        seen = steps[some] + 1  # unknown counts as class 0
        votes = seen.new_zeros(len(some), classes + 1)
        votes.scatter_add_(1, seen, torch.ones_like(seen))
        most = votes.max(1)
        pure = most.values >= min_purity * length - 1e-6  # .9 * 10 is a little more than 9
        chosen.append(torch.where(pure, most.indices - 1, -1))
    return torch.cat(chosen)
