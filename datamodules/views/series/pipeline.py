"""The declaration of the views of series, and the batched pipeline that it builds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews import draws
from manyviews.batch import Sample
from manyviews.datamodules.series.window_index import Starts
from manyviews.datamodules.series.windows import Windows
from manyviews.datamodules.views.series.placement import Candidates, Place, Shift
from manyviews.errors import ConfigError


@runtime_checkable
class Operation(Protocol):
    """One random operation on a batch; all its randomness comes as numbers per sample."""

    def draws(self, channels: int, length: int) -> int:
        """Uniform numbers that each sample needs."""
        ...

    def size(self, length: int) -> int:
        """Steps of what comes out."""
        ...

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C t"]:
        """Normalised windows after the operation; NaN stays where it was."""
        ...


class SeriesView:
    """A kind of view: how many of it, where its windows lie, and the operations in their order.

    Args:
        count: views of this kind per sample.
        operations: by name; the name is the purpose of the operation's draws.
        place: where the windows begin; null: the rows' own windows.
    """

    def __init__(
        self, count: int, operations: dict[str, Operation], place: Place | None = None
    ) -> None:
        if count < 1:
            raise ConfigError(f"a view kind has count={count}; allowed: 1 or more")
        self.count, self.place = count, place
        # Probability 0 means "not there": nothing is computed.
        self.operations = {k: o for k, o in operations.items() if getattr(o, "probability", 1)}

    def size(self, length: int) -> tuple[int]:
        """Steps of the view of a window of this length."""
        for operation in self.operations.values():
            length = operation.size(length)
        return (length,)

    def check(self, channels: int, length: int) -> None:
        """Refuse series that an operation cannot take.

        Raises:
            ConfigError: it says so where it counts its draws.
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
        """Where the windows of view number `view` begin."""
        if self.place is None:
            return own
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
        """View number `view` of every normalised window."""
        for purpose, operation in self.operations.items():
            count = operation.draws(*series.shape[1:])
            numbers = draws.uniform(seed, epoch, position, view, purpose, count)
            series = operation(series, numbers)
        return series


class SeriesViews:
    """All views of a window: kinds by name, the large ones (or the anchor) first.

    Args:
        per_subject: rows of an epoch for each subject, for views that lie anywhere; null: one for
            every window of the training split.
        kinds: for example `large` and `small`, or `anchor` and `candidates`.

    Raises:
        ConfigError: there is no view.
    """

    def __init__(self, per_subject: int | None = None, **kinds: SeriesView) -> None:
        if not kinds:
            raise ConfigError("views has no kind of view; type views=series")
        if per_subject is not None and per_subject < 1:
            raise ConfigError(f"views.per_subject={per_subject}; allowed: 1 or more, or null")
        if per_subject is not None and next(iter(kinds.values())).place is None:
            raise ConfigError("views.per_subject needs a place for view 0; type views=rebar")
        self.per_subject = per_subject
        self.kinds = kinds

    def __iter__(self) -> Iterator[SeriesView]:
        """The kind of every single view, in the order of the batch."""
        for kind in self.kinds.values():
            yield from [kind] * kind.count

    def sizes(self, length: int) -> list[tuple[int]]:
        """Steps of every view of a window of this length."""
        return [kind.size(length) for kind in self]

    def check(self, windows: Windows, starts: Starts) -> None:
        """Refuse data that an operation or a place cannot serve.

        Raises:
            ConfigError: an operation lacks channels, or a subject can have an anchor without a
                candidate.
        """
        for kind in self.kinds.values():
            kind.check(windows.channels, windows.length)
            if isinstance(kind.place, Candidates):
                kind.place.check(starts, windows.length, windows.recordings.subjects)

    def cut(
        self,
        windows: Windows,
        rows: Int64[Tensor, " B"],
        epoch: int,
        *,
        seed: int,
        starts: Starts,
    ) -> Sample:
        """The windows of these rows: one batch for all views, or one each if any has a place.

        Args:
            windows: the split.
            rows: of the split.
            epoch: 0-based.
            seed: of the run.
            starts: of the split's recordings.
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
        """One normalised batch per view.

        Args:
            series: windows for all views, or one batch per view, in the units of the data.
            position: row of each in its data set.
            seed: of the run.
            epoch: 0-based.
            mean: per channel, in the units of the data.
            std: per channel, likewise.
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
    """(series - mean) / std per channel."""
    shift, scale = (series.new_tensor(part).view(-1, 1) for part in (mean, std))
    return (series - shift) / scale
