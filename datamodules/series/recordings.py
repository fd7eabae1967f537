"""Recordings of unequal length, held as one flat array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor


class Recording(NamedTuple):
    """One recording on its way into `Recordings`.

    Attributes:
        value: float (S, C), steps by channels.
        label: int64 (S,), class of each step, -1 unknown.
        subject: who was recorded.
        name: of the recording.
    """

    value: Tensor
    label: Tensor
    subject: str
    name: str


@dataclass(frozen=True)
class Recordings:
    """Recordings of unequal length, one after another in one array; S steps in all.

    Attributes:
        value: float32 (S, C), in the units of the data.
        offset: int64 (R + 1,): recording r is `value[offset[r]:offset[r + 1]]`.
        subject: int64 (R,), index into `subjects`.
        label: int64 (S,), class of each step, -1 unknown.
        rate: steps per second, in Hz.
        channels: their names.
        classes: name of each label.
        subjects: their names, also of those that have no recording here.
        names: of the recordings.
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

    def __len__(self) -> int:
        """How many recordings."""
        return len(self.subject)

    @property
    def length(self) -> Int64[Tensor, " R"]:
        """Steps of every recording."""
        return self.offset.diff()

    def at(self, step: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """The recording that holds each step of the flat array."""
        return torch.searchsorted(self.offset, step, right=True) - 1

    def only(self, rows: Int64[Tensor, " r"]) -> Recordings:
        """These recordings; subjects and classes keep their numbers."""
        parts = [slice(int(self.offset[r]), int(self.offset[r + 1])) for r in rows]
        return replace(
            self,
            value=torch.cat([self.value[:0], *(self.value[part] for part in parts)]),
            offset=offsets(self.length[rows]),
            subject=self.subject[rows],
            label=torch.cat([self.label[:0], *(self.label[part] for part in parts)]),
            names=tuple(self.names[r] for r in rows),
        )


def offsets(length: Int64[Tensor, " R"]) -> Int64[Tensor, " R1"]:
    """Where each of the recordings begins, and where the last one ends."""
    return torch.cat([length.new_zeros(1), length.cumsum(0)])


def join(
    recordings: Sequence[Recording],
    *,
    rate: float,
    channels: tuple[str, ...],
    classes: tuple[str, ...],
) -> Recordings:
    """The recordings as one array, in their order; subjects are numbered as they first appear.

    Args:
        recordings: at least one.
        rate: steps per second, in Hz.
        channels: their names.
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
