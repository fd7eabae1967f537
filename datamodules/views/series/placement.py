"""Places of views that do not lie in the rows' own windows."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.series.source import Starts
from manyviews.errors import ConfigError
from manyviews.ranges import Count, Positive, within_ranges


@runtime_checkable
class Place(Protocol):
    """A random place for the windows of a kind of view."""

    @property
    def shared(self) -> bool:
        """True if all rows of an epoch have the same draw."""
        ...

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """Return the steps at which the windows begin.

        Args:
            anchor: start of view 0; for view 0 itself, start of the row's own window.
            draw: uniform in [0, 1).
            starts: all possible starts.
            length: steps of a window.
        """
        ...


class Anywhere:
    """A place anywhere in the recordings of the row's subject, every start equally likely.

    Args:
        shared: true: all rows of an epoch use the same draw, each as a share of its subject's
            starts, as in the official REBAR code.
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
        """Return the steps at which the windows begin; see `Place`."""
        first, count = starts.of_subject(anchor)
        return starts.step(first + whole_number(draw, count))


class Candidates:
    """A place anywhere in the recordings of the anchor's subject, but not near the anchor.

    Args:
        min_gap: fewest steps between the starts of a candidate and its anchor in one recording;
            null: the length of the window, so that they share no step. 0, as in the official REBAR
            code, allows the anchor itself as a candidate.
        shared: true: all rows of an epoch use the same draw, as in the official REBAR code.
    """

    @within_ranges
    def __init__(self, min_gap: Count | None = None, shared: bool = False) -> None:
        self.min_gap, self.shared = min_gap, shared

    def gap(self, length: int) -> int:
        """Return the fewest steps to the anchor, for windows of this length."""
        return length if self.min_gap is None else self.min_gap

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """Return the steps at which the windows begin; see `Place`."""
        first, count = starts.of_subject(anchor)
        near, excluded = starts.near(anchor, self.gap(length))
        number = first + whole_number(draw, count - excluded)
        # The starts near the anchor are skipped: those after them move up by their count.
        return starts.step(torch.where(number >= near, number + excluded, number))

    def check(self, starts: Starts, length: int, subjects: tuple[str, ...]) -> None:
        """Raise unless every anchor has a candidate.

        Raises:
            ConfigError: a subject can have an anchor without a candidate.
        """
        in_recording = starts.bound.diff()
        # An anchor in the middle excludes the most: gap - 1 starts on either side, and itself.
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
    """A place around the row's own window, inside its recording.

    Args:
        share: largest distance in either direction, as a share of the window.
    """

    shared = False

    @within_ranges
    def __init__(self, share: Positive = 0.5) -> None:
        self.share = share

    def __call__(
        self,
        anchor: Int64[Tensor, " B"],
        draw: Float[Tensor, " B"],
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """Return the steps at which the windows begin; here the row's own window is the anchor."""
        first, count = starts.near(anchor, round(self.share * length) + 1)
        return starts.step(first + whole_number(draw, count))


def whole_number(draw: Float[Tensor, " B"], count: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
    """Return a uniform integer from 0 to count - 1 for each draw."""
    # The minimum guards against rounding up to `count`, in case a draw is very close to 1.
    return torch.minimum((draw.double() * count).long(), (count - 1).clamp(min=0))
