"""The windows of recordings by split: the one place that cuts, splits and normalises series.

A data set is a function that returns `Recordings`; the decorator `windowed` gives it the options of
`Windowing` and makes it return `SeriesSplits`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from manyviews.datamodules.fingerprint import fingerprint
from manyviews.datamodules.options import with_options
from manyviews.datamodules.series.channel_statistics import channel_statistics
from manyviews.datamodules.series.durations import steps
from manyviews.datamodules.series.flawed_values import check_finite, constant_channels
from manyviews.datamodules.series.hold_out import By, Test
from manyviews.datamodules.series.lengths import common_length, too_short
from manyviews.datamodules.series.parts import parts_of
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
        val: windows to choose on; they are not trained on. None: there are none.
    """

    name: str
    train: Windows
    test: Windows
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    val: Windows | None = None

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
        val: likewise what to choose on, out of what `test` leaves for training; None: nothing.
        norm: "train" normalises by the training windows; "none" keeps the units of the data.
    """

    window: int | str | None = None
    stride: int | str | None = None
    min_purity: float = 1.0
    by: By | None = "subject"  # scores on seen subjects would be too high
    test: Test = 0.2
    val: Test | None = None
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
    return with_options(Windowing(**defaults), split, fixed, nullable=["val"])


def split(name: str, recordings: Recordings, options: Windowing) -> SeriesSplits:
    """Cut windows on a regular grid from every recording and hold some of them out.

    Args:
        name: name of the data set.
        recordings: all recordings.
        options: window, stride, held-out splits and normalisation.

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
    by, test = _own_split(recordings, options)
    cut = partial(grid, length=length, stride=stride, min_purity=options.min_purity)
    train, tested, val = parts_of(recordings, cut, by=by, test=test, val=options.val)
    for part, key, windows in (
        ("training", "test", train),
        ("test", "test", tested),
        ("validation", "val", val),
    ):
        if windows is not None and not len(windows.start):
            longest = int(windows.recordings.length.max())
            raise ConfigError(
                f"the {part} split of {name} has no recording of {length} steps, the longest has "
                f"{longest}; type a shorter data.window, or another data.{key}"
            )
    found = channel_statistics(train)  # the held-out splits must not leak into them
    notes = (*recordings.notes, *constant_channels(name, recordings.channels, found))
    mean, std = found.mean, found.std
    if options.norm == "none":
        mean, std = (0.0,) * len(mean), (1.0,) * len(std)
    classes = recordings.classes
    return SeriesSplits(name, train, tested, classes, mean, std, skipped, notes, val)


def _window(name: str, recordings: Recordings, window: int | str | None) -> int:
    """Return the steps of a window."""
    if window is None:
        return common_length(name, recordings)
    return steps(window, recordings.rate, "data.window")


def _own_split(recordings: Recordings, options: Windowing) -> tuple[By, Test]:
    """Return what the splits do not share, and the test split; the publisher's own if it is so."""
    if options.by is not None:
        return options.by, options.test
    if recordings.test_subjects is None:
        return "subject", options.test
    if options.test != Windowing().test:
        raise ConfigError(
            f"data.test={options.test}, and the data have a test split of their own; leave "
            "data.test out, or type data.by=recording to split anew"
        )
    return "subject", list[str | int](recordings.test_subjects)
