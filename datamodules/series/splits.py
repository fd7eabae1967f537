"""Training and test windows of recordings: the one place that cuts, splits and normalises series.

A data set is a function that returns `Recordings`; the decorator `windowed` gives it the options of
`Windowing` and makes it return `SeriesSplits`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from manyviews import draws
from manyviews.datamodules.fingerprint import fingerprint
from manyviews.datamodules.options import with_options
from manyviews.datamodules.series.channel_statistics import channel_statistics
from manyviews.datamodules.series.durations import steps
from manyviews.datamodules.series.flawed_values import check_finite, constant_channels
from manyviews.datamodules.series.hold_out import By, Test, is_held_out
from manyviews.datamodules.series.lengths import common_length, too_short
from manyviews.datamodules.series.recordings import Recordings
from manyviews.datamodules.series.windows import Windows, grid
from manyviews.errors import ConfigError

Norm = Literal["train", "none"]


@dataclass(frozen=True)
class SeriesSplits:
    """A data set of series: its splits, class names and the statistics that normalise it.

    Attributes:
        name: name of the data set, as in `data=<name>`.
        train: windows for pretraining; also the kNN bank and the training set of the probes.
        test: windows for the scores; nothing is ever chosen on them.
        classes: name of each label.
        mean: per channel over the training windows, in the units of the data.
        std: standard deviation per channel, likewise.
        skipped: a sentence for each recording that is shorter than a window.
        notes: sentences about what was read differently than a user may expect.
    """

    name: str
    train: Windows
    test: Windows
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels of every window."""
        return self.train.channels

    @property
    def size(self) -> tuple[int]:
        """Number of steps of every window."""
        return self.train.size

    def fingerprint(self) -> dict[str, object]:
        """Return what identifies the content: counts, size, label histogram, SHA-256 per split."""
        return fingerprint(self, "windows")


class Windowing(NamedTuple):
    """Options of every data set of series: how recordings become windows and splits.

    Attributes:
        window: steps of a window, or a duration such as "2.56s"; None: the length of the
            recordings, which then must be the same for all.
        stride: steps or a duration from one window to the next; None: the window.
        min_purity: share of a window's steps that must have one class; otherwise its label is
            unknown.
        by: what the splits do not share: "subject", "recording", "leave-one-subject-out", or
            "window" (drawn at random, so that parts of one recording are in both splits). None:
            the data set's own split if it has one, else "subject".
        test: names of the subjects (or recordings) to hold out, or a share of them: the last ones
            by name, with numbers compared by value. For leave-one-subject-out the name of one
            subject.
        norm: "train" normalises by the training windows; "none" keeps the units of the data.
    """

    window: int | str | None = None
    stride: int | str | None = None
    min_purity: float = 1.0
    by: By | None = "subject"  # scores on seen subjects would be too high
    test: Test = 0.2
    norm: Norm = "train"


def windowed(
    *, fixed: Collection[str] = (), **defaults: Any
) -> Callable[[Callable[..., Recordings]], Callable[..., SeriesSplits]]:
    """Return a decorator that adds the options of `Windowing` to a data set of series.

        @windowed(window="2.56s")
        def mine(root: str) -> Recordings: ...

        mine("data", window=128, test=["ann"])  # SeriesSplits

    Args:
        fixed: names of options that users cannot change.
        defaults: values of options that differ from those of `Windowing`.
    """
    return with_options(Windowing(**defaults), split, fixed)


def split(name: str, recordings: Recordings, options: Windowing) -> SeriesSplits:
    """Cut windows on a regular grid from every recording and hold some of them out for testing.

    Args:
        name: name of the data set.
        recordings: all recordings.
        options: window, stride, test split and normalisation.

    Raises:
        ConfigError: a unit or a name is unknown, a split would be empty, no recording is as long
            as a window, a value is infinite, or all channels are constant.
    """
    check_finite(name, recordings)
    length = _window(name, recordings, options.window)
    stride = length
    if options.stride is not None:
        stride = steps(options.stride, recordings.rate, "data.stride", fewest=1)
    if not 0 < options.min_purity <= 1:
        raise ConfigError(f"data.min_purity={options.min_purity}; allowed: above 0, up to 1")
    skipped = too_short(recordings, length)
    train, test = _split(recordings, length, stride, options)
    for half, windows in (("training", train), ("test", test)):
        if not len(windows.start):
            longest = int(windows.recordings.length.max())
            raise ConfigError(
                f"the {half} split of {name} has no recording of {length} steps, the longest has "
                f"{longest}; type a shorter data.window, or another data.test"
            )
    found = channel_statistics(train)  # the test split must not leak into them
    notes = (*recordings.notes, *constant_channels(name, recordings.channels, found))
    mean, std = found.mean, found.std
    if options.norm == "none":
        mean, std = (0.0,) * len(mean), (1.0,) * len(std)
    return SeriesSplits(name, train, test, recordings.classes, mean, std, skipped, notes)


def _window(name: str, recordings: Recordings, window: int | str | None) -> int:
    """Return the steps of a window."""
    if window is None:
        return common_length(name, recordings)
    return steps(window, recordings.rate, "data.window")


def _split(
    recordings: Recordings, length: int, stride: int, options: Windowing
) -> tuple[Windows, Windows]:
    """Return the training and the test windows."""
    by, test = options.by, options.test
    if by is None:
        by = "subject"
        if recordings.test_subjects is not None:  # the publisher's own split
            if test != Windowing().test:
                raise ConfigError(
                    f"data.test={test}, and the data have a test split of their own; leave "
                    "data.test out, or type data.by=recording to split anew"
                )
            test = list[str | int](recordings.test_subjects)
    if by == "window":
        return _at_random(grid(recordings, length, stride, options.min_purity), test)
    held_out = is_held_out(recordings, by, test)
    # Whole recordings are separated before windows are cut, so no window can be in both.
    halves = [recordings.only((held_out == part).nonzero()[:, 0]) for part in (False, True)]
    train, test_windows = (grid(half, length, stride, options.min_purity) for half in halves)
    return train, test_windows


def _at_random(windows: Windows, test: Test) -> tuple[Windows, Windows]:
    """Draw a share of all windows as the test split, and warn that scores will be too high."""
    if isinstance(test, str | list) or not 0 < test < 1:
        raise ConfigError(f"data.test={test}; data.by=window needs a share between 0 and 1")
    print(
        "warning: data.by=window puts parts of one recording into both splits, so that scores come "
        "out too high; data.by=subject does not"
    )
    # A fixed seed: every run of the data set has the same split.
    order = draws.permutation(0, 0, len(windows.start), "windows of the test split")
    held = max(1, round(test * len(order)))
    return windows.only(order[held:].sort().values), windows.only(order[:held].sort().values)
