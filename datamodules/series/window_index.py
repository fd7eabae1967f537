"""Every step at which a window of a subject can begin, numbered without gaps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.series.recordings import Recordings, offsets


class Starts(NamedTuple):
    """The possible starts, subject after subject and recording after recording.

    Attributes:
        recording: int64 (R,), the recordings in the order of their subjects.
        bound: int64 (R + 1,), number of the first start of each of them, and of all.
        begin: int64 (R,), their first step in the flat array.
        place: int64 (R,), where each recording stands in that order.
        subject: int64 (U + 1,), number of the first start of each subject, and of all.
        subject_of: int64 (R,), the subject of every recording.
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
        """The step in the flat array of these starts."""
        where = torch.searchsorted(self.bound, number, right=True) - 1
        return self.begin[where] + number - self.bound[where]

    def number(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """The number of the starts at these steps."""
        where = self.place[self.recording_at(step)]
        return self.bound[where] + step - self.begin[where]

    def recording_at(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """The recording that holds each step."""
        return torch.searchsorted(self.offset, step, right=True) - 1

    def of_subject(self, step: Int64[Tensor, " B"]) -> tuple[Tensor, Tensor]:
        """Number of the first start (B,) and count of the starts (B,) of who was recorded there."""
        subject = self.subject_of[self.recording_at(step)]
        return self.subject[subject], self.subject.diff()[subject]

    def near(self, step: Int64[Tensor, " B"], gap: int) -> tuple[Tensor, Tensor]:
        """First number (B,) and count (B,) of the starts of the recording less than `gap` away."""
        number, where = self.number(step), self.place[self.recording_at(step)]
        first = torch.maximum(number - gap + 1, self.bound[where])
        behind = torch.minimum(number + gap, self.bound[where + 1])
        return first, (behind - first).clamp(min=0)


def starts(recordings: Recordings, length: int) -> Starts:
    """All starts of windows of this length; recordings that are shorter have none."""
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
