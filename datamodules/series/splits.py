"""Train and test windows that share no subject, and the statistics that normalise them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from manyviews import draws
from manyviews.datamodules.series.durations import steps
from manyviews.datamodules.series.holding_out import By, Test, held_out
from manyviews.datamodules.series.moments import statistics
from manyviews.datamodules.series.recordings import Recordings
from manyviews.datamodules.series.windows import Windows, grid
from manyviews.errors import ConfigError

Norm = Literal["train", "none"]


@dataclass(frozen=True)
class SeriesSplits:
    """A data set of series: its splits, class names and the statistics that normalise it.

    Attributes:
        name: as in `data=<name>`.
        train: pretraining windows, the bank of kNN and the training set of the probes.
        test: scored once, never chosen on.
        classes: name of each label.
        mean: per channel over the training windows, in the units of the data.
        std: per channel, likewise.
        skipped: recordings that are shorter than a window.
    """

    name: str
    train: Windows
    test: Windows
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Channels of every window."""
        return self.train.channels

    @property
    def size(self) -> tuple[int]:
        """Steps of every window."""
        return self.train.size

    def fingerprint(self) -> dict[str, object]:
        """What identifies the content: counts, size, label histogram and SHA-256 per split."""
        return {
            "name": self.name,
            "channels": self.channels,
            "size": list(self.size),
            **{split: _fingerprint(getattr(self, split)) for split in ("train", "test")},
        }


def _fingerprint(windows: Windows) -> dict[str, object]:
    values, counts = windows.label.unique(return_counts=True)
    histogram = {str(int(v)): int(n) for v, n in zip(values, counts, strict=True)}
    return {"windows": len(windows.label), "labels": histogram, **windows.fingerprint()}


def split(
    recordings: Recordings,
    name: str,
    *,
    window: int | str,
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By = "subject",
    test: Test = 0.2,
    norm: Norm = "train",
) -> SeriesSplits:
    """Windows of a grid in every recording, part of them held out as the test split.

    Args:
        recordings: all of them.
        name: of the data set.
        window: steps, or a duration as "2.56s".
        stride: steps or a duration from one window to the next; None: the window.
        min_purity: share of a window's steps that must have one class, or its label is unknown.
        by: what the splits do not share. Windows drawn at random share all but themselves.
        test: names of the subjects (or recordings) held out, or the share of them: the last by
            name, numbers in it by value. Under leave-one-subject-out the name of one subject.
        norm: "none" leaves the units of the data.

    Raises:
        ConfigError: an unknown unit or name, a share that leaves a split empty, windows longer than
            every recording.
    """
    length = steps(window, recordings.rate, "data.window")
    step = length if stride is None else steps(stride, recordings.rate, "data.stride", fewest=1)
    if not 0 < min_purity <= 1:
        raise ConfigError(f"data.min_purity={min_purity}; allowed: above 0, up to 1")
    skipped = _too_short(recordings, length)
    if by == "window":
        train, held = _at_random(grid(recordings, length, step, min_purity), test)
    else:
        out = held_out(recordings, by, test)
        halves = [recordings.only((out == part).nonzero()[:, 0]) for part in (False, True)]
        train, held = (grid(half, length, step, min_purity) for half in halves)
    for half, windows in (("training", train), ("test", held)):
        if not len(windows.start):
            raise ConfigError(
                f"the {half} split of {name} has no recording of {length} steps; "
                "type a shorter data.window, or another data.test"
            )
    mean, std = statistics(train)
    if norm == "none":
        mean, std = (0.0,) * len(mean), (1.0,) * len(std)
    return SeriesSplits(name, train, held, recordings.classes, mean, std, skipped)


def _too_short(recordings: Recordings, length: int) -> tuple[str, ...]:
    """The recordings that give no window.

    Raises:
        ConfigError: none gives one.
    """
    have = recordings.length.tolist()
    if max(have, default=0) < length:
        raise ConfigError(
            f"data.window is {length} steps, the longest of {len(recordings)} recordings has "
            f"{max(have, default=0)}; type a shorter data.window"
        )
    return tuple(
        f"recording {name!r}: it has {steps} steps, a window {length}"
        for name, steps in zip(recordings.names, have, strict=True)
        if steps < length
    )


def _at_random(windows: Windows, test: Test) -> list[Windows]:
    """A share of the windows as test split, drawn by their number."""
    if isinstance(test, str | list) or not 0 < test < 1:
        raise ConfigError(f"data.test={test}; data.by=window wants a share between 0 and 1")
    print(
        "warning: data.by=window puts parts of one recording into both splits, so that scores come "
        "out too high; data.by=subject does not"
    )
    order = draws.permutation(0, 0, len(windows.start), "windows of the test split")
    held = max(1, round(test * len(order)))
    return [windows.only(rows.sort().values) for rows in (order[held:], order[:held])]
