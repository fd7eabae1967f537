"""Recordings of unequal length, stored one after another in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor


class Recording(NamedTuple):
    """One recording, before `join` puts it into `Recordings`.

    Attributes:
        value: float (S, C), steps by channels.
        label: int64 (S,), class of each step, -1 if unknown.
        subject: name of the person (or animal, machine, ...) that was recorded.
        name: name of the recording.
    """

    value: Tensor
    label: Tensor
    subject: str
    name: str


@dataclass(frozen=True)
class Recordings:
    """Recordings of unequal length, one after another in a flat array of S steps.

    Attributes:
        value: float32 (S, C), in the units of the data.
        offset: int64 (R + 1,): recording r is `value[offset[r]:offset[r + 1]]`.
        subject: int64 (R,), index into `subjects`.
        label: int64 (S,), class of each step, -1 if unknown.
        rate: sampling rate in Hz.
        channels: names of the channels.
        classes: name of each label.
        subjects: names of all subjects, even if none of their recordings is here.
        names: names of the recordings.
        dataset: name of the data set; empty if it is that of the function that returns them.
        test_subjects: subjects that the data set itself holds out; None if it has no split of its
            own.
        knows_subjects: False if nobody knows who was recorded: then each recording counts as
            another subject, and there are no scores by person.
        knows_rate: False if nobody knows the rate, which is 1.0 then.
        notes: a sentence for each thing that was read differently than it is written.
    """

    value: Float[Tensor, "S C"]
    offset: Int64[Tensor, " R1"]
    subject: Int64[Tensor, " R"]
    label: Int64[Tensor, " S"]
    rate: float
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    dataset: str = ""
    test_subjects: tuple[str, ...] | None = None
    knows_subjects: bool = True
    knows_rate: bool = True
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.subject)

    @property
    def length(self) -> Int64[Tensor, " R"]:
        """Number of steps of every recording."""
        return self.offset.diff()

    def at(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the recording that contains each step of the flat array."""
        return torch.searchsorted(self.offset, step, right=True) - 1

    def value_at(self, step: int, channel: int) -> str:
        """Return the place of a value in words: its recording, its channel and the step there."""
        r = int(self.at(torch.tensor([step])))
        return (
            f"recording {self.names[r]!r}, channel {self.channels[channel]!r}, step "
            f"{step - int(self.offset[r])}"
        )

    def only(self, rows: Int64[Tensor, " r"]) -> Recordings:
        """Return these recordings alone; the numbers of subjects and classes do not change."""
        parts = [slice(int(self.offset[r]), int(self.offset[r + 1])) for r in rows]
        return replace(
            self,
            # The empty slice in front keeps shape and type if `rows` is empty.
            value=torch.cat([self.value[:0], *(self.value[part] for part in parts)]),
            offset=offsets(self.length[rows]),
            subject=self.subject[rows],
            label=torch.cat([self.label[:0], *(self.label[part] for part in parts)]),
            names=tuple(self.names[r] for r in rows),
        )


def offsets(length: Int64[Tensor, " R"]) -> Int64[Tensor, " R1"]:
    """Return the first step of each recording, and the step after the last one."""
    return torch.cat([length.new_zeros(1), length.cumsum(0)])


def join(
    recordings: Sequence[Recording],
    *,
    rate: float,
    channels: tuple[str, ...],
    classes: tuple[str, ...],
) -> Recordings:
    """Return the recordings in one array, in the given order.

    Subjects are numbered in the order in which they first appear.

    Args:
        recordings: at least one.
        rate: sampling rate in Hz.
        channels: names of the channels.
        classes: name of each label.
    """
    number = {name: i for i, name in enumerate(dict.fromkeys(r.subject for r in recordings))}
    return Recordings(
        value=torch.cat([r.value.float() for r in recordings]),
        offset=offsets(torch.tensor([len(r.value) for r in recordings])),
        subject=torch.tensor([number[r.subject] for r in recordings]),
        label=torch.cat([r.label for r in recordings]),
        rate=rate,
        channels=channels,
        classes=classes,
        subjects=tuple(number),
        names=tuple(r.name for r in recordings),
    )
