"""Consecutive numbers for all steps at which a window can begin, sorted by subject.

REBAR draws candidate windows uniformly from all windows of a subject, at any step: a draw is then a
number in the range of that subject.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.series.recordings import Recordings, offsets


class Starts(NamedTuple):
    """All possible starts of windows, subject after subject and recording after recording.

    Attributes:
        recording: int64 (R,), the recordings sorted by subject.
        bound: int64 (R + 1,), number of the first start in each of them, then the total.
        begin: int64 (R,), first step of each of them in the flat array.
        place: int64 (R,), position of each recording in this order.
        subject: int64 (U + 1,), number of the first start of each subject, then the total.
        subject_of: int64 (R,), subject of every recording.
        offset: int64 (R + 1,), see `Recordings`.
    """

    recording: Int64[Tensor, " R"]
    bound: Int64[Tensor, " R1"]
    begin: Int64[Tensor, " R"]
    place: Int64[Tensor, " R"]
    subject: Int64[Tensor, " U1"]
    subject_of: Int64[Tensor, " R"]
    offset: Int64[Tensor, " R1"]

    def step(self, number: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the step in the flat array of the starts with these numbers."""
        where = torch.searchsorted(self.bound, number, right=True) - 1
        return self.begin[where] + number - self.bound[where]

    def number(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the number of the start at each of these steps."""
        where = self.place[self.recording_at(step)]
        return self.bound[where] + step - self.begin[where]

    def recording_at(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the recording that contains each step."""
        return torch.searchsorted(self.offset, step, right=True) - 1

    def of_subject(self, step: Int64[Tensor, " B"]) -> tuple[Tensor, Tensor]:
        """Return first number (B,) and count (B,) of all starts of the subject at each step."""
        subject = self.subject_of[self.recording_at(step)]
        return self.subject[subject], self.subject.diff()[subject]

    def near(self, step: Int64[Tensor, " B"], gap: int) -> tuple[Tensor, Tensor]:
        """Return first number (B,) and count (B,) of starts in the recording closer than `gap`."""
        number, where = self.number(step), self.place[self.recording_at(step)]
        first = torch.maximum(number - gap + 1, self.bound[where])
        end = torch.minimum(number + gap, self.bound[where + 1])
        return first, (end - first).clamp(min=0)


def starts(recordings: Recordings, length: int) -> Starts:
    """Return all starts of windows of this length; a shorter recording has none."""
    # stable: within a subject, recordings keep their order
    order = torch.argsort(recordings.subject, stable=True)
    count = (recordings.length - length + 1).clamp(min=0)[order]
    per_subject = count.new_zeros(len(recordings.subjects))
    per_subject.scatter_add_(0, recordings.subject[order], count)
    return Starts(
        recording=order,
        bound=offsets(count),
        begin=recordings.offset[:-1][order],
        place=torch.argsort(order),
        subject=offsets(per_subject),
        subject_of=recordings.subject,
        offset=recordings.offset,
    )
