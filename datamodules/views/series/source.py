"""The recordings that views of series are cut from, as far as views need to know them.

`manyviews.datamodules.series` has the classes that fit: `Windows` and `Starts`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.batch import Sample


@runtime_checkable
class Windows(Protocol):
    """The windows of a split, and the recordings around them.

    A window is named by its start: its first step in the flat array of all recordings.
    """

    @property
    def channels(self) -> int:
        """Channels of every window."""
        ...

    @property
    def length(self) -> int:
        """Steps of every window."""
        ...

    @property
    def start(self) -> Int64[Tensor, " N"]:
        """Start of every window of the split."""
        ...

    def sample(self, rows: Int64[Tensor, " B"]) -> Sample:
        """Return the windows of these rows, with their labels."""
        ...

    def values(self, start: Int64[Tensor, " B"]) -> Float[Tensor, "B C T"]:
        """Return the windows that begin at these steps, in the units of the data."""
        ...

    def labels(self, start: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the class of the windows that begin at these steps, -1 if they have none."""
        ...


@runtime_checkable
class Starts(Protocol):
    """All steps at which a window can begin, numbered without gaps, subject after subject."""

    @property
    def recording(self) -> Int64[Tensor, " R"]:
        """The recordings in the order of their subjects."""
        ...

    @property
    def bound(self) -> Int64[Tensor, " R1"]:
        """Number of the first start of each of these recordings, and the count of all starts."""
        ...

    @property
    def subject(self) -> Int64[Tensor, " U1"]:
        """Number of the first start of each subject, and the count of all starts."""
        ...

    @property
    def subject_of(self) -> Int64[Tensor, " R"]:
        """Subject of every recording."""
        ...

    def step(self, number: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """Return the steps of the starts with these numbers."""
        ...

    def of_subject(self, step: Int64[Tensor, " B"]) -> tuple[Tensor, Tensor]:
        """Return the first number and the count (B,) of starts of the subject recorded there."""
        ...

    def near(self, step: Int64[Tensor, " B"], gap: int) -> tuple[Tensor, Tensor]:
        """Return the first number and the count (B,) of the starts near these steps.

        Near means less than `gap` steps away in the same recording.
        """
        ...
