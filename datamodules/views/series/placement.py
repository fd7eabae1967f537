"""Where the windows of a view lie, when they are not the rows' own."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.series.window_index import Starts
from manyviews.errors import ConfigError


@runtime_checkable
class Place(Protocol):
    """Where the windows of a kind of view begin."""

    @property
    def shared(self) -> bool:
        """Whether all rows of an epoch have the same draw."""
        ...

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """The first steps, for windows of `length` steps.

        Args:
            anchor: where view 0 begins; for view 0 itself, where the row's own window does.
            draw: uniform in [0, 1).
            starts: all that are possible.
            length: T.
        """
        ...


class Anywhere:
    """Anywhere in the recordings of the row's subject, every start equally likely.

    Args:
        shared: the same share of the way for all rows of an epoch, as in the official REBAR code.
    """

    def __init__(self, shared: bool = False) -> None:
        self.shared = shared

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """See `Place`."""
        first, count = starts.of_subject(anchor)
        return starts.step(first + scaled(draw, count))


class Candidates:
    """Anywhere in the recordings of the anchor's subject, but not near the anchor.

    Args:
        min_gap: steps between the starts of a candidate and its anchor in one recording, at least;
            null: the window, so that they share no step. 0, as in the official REBAR code, makes
            the anchor itself a candidate.
        shared: the same share of the way for all rows of an epoch, as there.
    """

    def __init__(self, min_gap: int | None = None, shared: bool = False) -> None:
        if min_gap is not None and min_gap < 0:
            raise ConfigError(f"views: min_gap={min_gap}; allowed: 0 or more, or null")
        self.min_gap, self.shared = min_gap, shared

    def gap(self, length: int) -> int:
        """Steps, for windows of this length."""
        return length if self.min_gap is None else self.min_gap

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """See `Place`."""
        first, count = starts.of_subject(anchor)
        near, excluded = starts.near(anchor, self.gap(length))
        number = first + scaled(draw, count - excluded)
        return starts.step(torch.where(number >= near, number + excluded, number))

    def check(self, starts: Starts, length: int, subjects: tuple[str, ...]) -> None:
        """Refuse subjects that have an anchor without a candidate.

        Raises:
            ConfigError: there is one.
        """
        in_recording = starts.bound.diff()
        excluded = in_recording.clamp(max=max(2 * self.gap(length) - 1, 0))
        worst = torch.zeros(len(subjects), dtype=torch.int64)
        worst.scatter_reduce_(0, starts.subject_of[starts.recording], excluded, "amax")
        count = starts.subject.diff()
        lacking = ((count > 0) & (count <= worst)).nonzero()[:, 0].tolist()
        if lacking:
            raise ConfigError(
                f"subject {subjects[lacking[0]]!r} can have an anchor without any candidate "
                f"{self.gap(length)} steps away: it has {int(count[lacking[0]])} places for a "
                f"window of {length} steps; type a shorter data.window, or a smaller min_gap in "
                "views.<kind>.place"
            )


class Shift:
    """Around the row's own window, inside its recording.

    Args:
        share: of the window, largest distance to either side.
    """

    shared = False

    def __init__(self, share: float = 0.5) -> None:
        if share <= 0:
            raise ConfigError(f"views: shift share={share}; allowed: above 0")
        self.share = share

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """See `Place`; the view's own row is its anchor."""
        first, count = starts.near(anchor, round(self.share * length) + 1)
        return starts.step(first + scaled(draw, count))


def scaled(draw: Float[Tensor, " B"], count: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """A whole number from 0 to count - 1."""
    return torch.minimum((draw.double() * count).long(), (count - 1).clamp(min=0))
