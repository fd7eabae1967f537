"""The views of series that a config declares, and their making in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews import draws
from manyviews.batch import Sample
from manyviews.datamodules.views.series.placement import Candidates, Place, Shift
from manyviews.datamodules.views.series.source import Starts, Windows
from manyviews.errors import ConfigError
from manyviews.ranges import Size, within_ranges


@runtime_checkable
class Operation(Protocol):
    """A random operation on a batch of windows; its randomness comes as uniform numbers per sample.

    An operation of your own is any class with these three members. Name it in the config as
    `_target_: your_package.Drift` and set MANYVIEWS_TRUST=your_package. for the command. With an
    attribute `probability` of 0 it is left out.
    """

    def draws(self, channels: int, length: int) -> int:
        """Return how many uniform numbers in [0, 1) each sample needs, for series of this size."""
        ...

    def size(self, length: int) -> int:
        """Return the steps of the series that the operation makes of one of this length."""
        ...

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C t"]:
        """Return the changed windows, which are normalised; NaN marks missing values and stays."""
        ...


class SeriesView:
    """A kind of view: its number per sample, the place of its windows, its operations in order.

    Args:
        count: views of this kind per sample.
        operations: operations by name; the name seeds the operation's draws.
        place: random place of the windows; null: the rows' own windows.
    """

    @within_ranges
    def __init__(
        self, count: Size, operations: dict[str, Operation], place: Place | None = None
    ) -> None:
        self.count, self.place = count, place
        # Probability 0 means "not there": nothing is computed.
        self.operations = {k: o for k, o in operations.items() if getattr(o, "probability", 1)}

    def size(self, length: int) -> tuple[int]:
        """Return the steps of the view of a window of this length."""
        for operation in self.operations.values():
            length = operation.size(length)
        return (length,)

    def check(self, channels: int, length: int) -> None:
        """Raise unless every operation can take series of this size.

        Raises:
            ConfigError: an operation refuses when it counts its draws.
        """
        for operation in self.operations.values():
            operation.draws(channels, length)
            length = operation.size(length)

    def start(
        self,
        own: Int64[Tensor, " B"],
        anchor: Int64[Tensor, " B"],
        rows: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        view: int,
        starts: Starts,
        length: int,
    ) -> Int64[Tensor, " B"]:
        """Return the steps at which the windows of view number `view` begin.

        Args:
            own: start of the rows' own windows.
            anchor: start of view 0; for view 0 itself, of the rows' own windows.
            rows: rows of the split.
            seed: seed of the run.
            epoch: 0-based.
            view: number of the view.
            starts: all possible starts.
            length: steps of a window.
        """
        if self.place is None:
            return own
        # A shared draw is that of row 0, for every row.
        draw = draws.uniform(
            seed, epoch, rows * 0 if self.place.shared else rows, view, "place", 1
        )[:, 0]
        beside = own if isinstance(self.place, Shift) else anchor
        return self.place(beside, draw, starts, length)

    def __call__(
        self,
        series: Float[Tensor, "B C T"],
        position: Int64[Tensor, " B"],
        *,
        seed: int,
        epoch: int,
        view: int,
    ) -> Float[Tensor, "B C t"]:
        """Return view number `view` of every normalised window."""
        for name, operation in self.operations.items():
            count = operation.draws(*series.shape[1:])
            numbers = draws.uniform(seed, epoch, position, view, name, count)
            series = operation(series, numbers)
        return series


class SeriesViews:
    """All views of a window: kinds by name, the large ones (or the anchor) first.

    Args:
        per_subject: rows of an epoch for each subject, for views that lie anywhere; null: one for
            every window of the training split.
        kinds: for example `large` and `small`, or `anchor` and `candidates`.

    Raises:
        ConfigError: there is no view, or `per_subject` is less than 1 or has no use.
    """

    @within_ranges
    def __init__(self, per_subject: Size | None = None, **kinds: SeriesView) -> None:
        if not kinds:
            raise ConfigError("views has no kind of view; type views=series")
        if per_subject is not None and next(iter(kinds.values())).place is None:
            raise ConfigError("views.per_subject needs a place for view 0; type views=rebar")
        self.per_subject = per_subject
        self.kinds = kinds

    def __iter__(self) -> Iterator[SeriesView]:
        """Return the kind of every single view, in the order of the batch."""
        for kind in self.kinds.values():
            yield from [kind] * kind.count

    def sizes(self, length: int) -> list[tuple[int]]:
        """Return the steps of every view of a window of this length."""
        return [kind.size(length) for kind in self]

    def check(self, windows: Windows, starts: Starts, subjects: tuple[str, ...]) -> None:
        """Raise unless every operation and place can serve these data.

        Args:
            windows: the training split.
            starts: all possible starts in its recordings.
            subjects: names of the subjects.

        Raises:
            ConfigError: an operation lacks channels, or a subject can have an anchor without a
                candidate.
        """
        for kind in self.kinds.values():
            kind.check(windows.channels, windows.length)
            if isinstance(kind.place, Candidates):
                kind.place.check(starts, windows.length, subjects)

    def cut(
        self,
        windows: Windows,
        rows: Int64[Tensor, " B"],
        epoch: int,
        *,
        seed: int,
        starts: Starts,
    ) -> Sample:
        """Return the windows of these rows: one batch for all views, or one each if any is placed.

        Args:
            windows: the split.
            rows: rows of the split.
            epoch: 0-based.
            seed: seed of the run.
            starts: all possible starts in the split's recordings.
        """
        if all(kind.place is None for kind in self.kinds.values()):
            return windows.sample(rows)
        own = anchor = windows.start[rows]
        chosen: list[Tensor] = []
        for v, kind in enumerate(self):
            options = {"starts": starts, "length": windows.length}
            chosen.append(kind.start(own, anchor, rows, seed=seed, epoch=epoch, view=v, **options))
            anchor = chosen[0]
        view_label = torch.stack([windows.labels(start) for start in chosen])
        views = [windows.values(start) for start in chosen]
        return Sample(views, view_label[0], rows, view_label)

    def __call__(
        self,
        series: Float[Tensor, "B C T"] | list[Float[Tensor, "B C _"]],
        position: Int64[Tensor, " B"],
        /,
        *,
        seed: int,
        epoch: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> list[Float[Tensor, "B C _"]]:
        """Return one normalised batch per view.

        Args:
            series: windows for all views, or one batch per view, in the units of the data.
            position: row of each window in its data set.
            seed: seed of the run.
            epoch: 0-based.
            mean: per channel, in the units of the data.
            std: per channel, in the units of the data.
        """
        kinds = [*self]
        normalised = (
            [normalise(window, mean, std) for window in series]
            if isinstance(series, list)
            else [normalise(series, mean, std)] * len(kinds)
        )
        return [
            kind(window, position, seed=seed, epoch=epoch, view=v)
            for v, (kind, window) in enumerate(zip(kinds, normalised, strict=True))
        ]


def normalise(
    series: Float[Tensor, "B C T"], mean: Sequence[float], std: Sequence[float]
) -> Float[Tensor, "B C T"]:
    """Return (series - mean) / std per channel."""
    shift, scale = (series.new_tensor(part).view(-1, 1) for part in (mean, std))
    return (series - shift) / scale
