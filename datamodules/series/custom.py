"""Your own recordings: `data=series data.path=FILE`; the file's ending chooses the reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from manyviews.datamodules.series.hold_out import By
from manyviews.datamodules.series.lengths import unequal_lengths
from manyviews.datamodules.series.readers.arff import read_arff
from manyviews.datamodules.series.readers.base import FileContent
from manyviews.datamodules.series.readers.cases import name_of
from manyviews.datamodules.series.readers.csv_long import read_csv
from manyviews.datamodules.series.readers.npz import Layout, read_npz
from manyviews.datamodules.series.readers.ts import read_ts
from manyviews.datamodules.series.recordings import Recordings, join
from manyviews.datamodules.series.splits import windowed
from manyviews.errors import ConfigError, unknown

ENDINGS = ".npz", ".ts", ".arff", ".csv"
Missing = Literal["refuse", "keep"]


@windowed(window=None, by=None)
def series(
    path: str,
    rate: float | None = None,
    layout: Layout | None = None,
    channels: list[str] | None = None,
    nan: Missing = "refuse",
    *,
    window: int | str | None,
    stride: int | str | None,
    by: By | None,
) -> Recordings:
    """Return the recordings of an .npz, a .ts, an .arff or a .csv file.

    Args:
        path: the file; of a pair `X_TRAIN.ts` and `X_TEST.ts` either one.
        rate: sampling rate in Hz; None: as the file says, or unknown, which durations do not allow.
        layout: axes of an .npz whose `value` has three of them: "nct" or "ntc".
        channels: columns of a .csv that are channels; None: all columns without another meaning.
        nan: "refuse" missing values, or "keep" them for backbones that can read them.
        window: None is allowed if all recordings have the same length.
        stride: see `Windowing`.
        by: None or "subject" needs to know the subjects, or a pair of .ts files.

    Raises:
        ConfigError: the file cannot be read or is incomplete; the message says all that has to be
            typed.
    """
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigError(f"data.rate={rate}; allowed: steps per second, above 0")
    content = _read(Path(path), layout, channels, rate)
    recordings = _recordings(path, content, rate)
    missing = [
        *_rate_missing(recordings, window, stride),
        *(unequal_lengths(recordings) if window is None else ()),
        *_subjects_missing(content, by),
        *_values_missing(recordings, nan),
    ]
    if missing:
        raise ConfigError(f"{path}: {'; '.join(missing)}")
    return recordings


def _read(
    path: Path, layout: Layout | None, channels: list[str] | None, rate: float | None
) -> FileContent:
    """Read the file with the reader for its ending."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise unknown("ending of data.path", path.suffix or str(path), ENDINGS)
    if not path.is_file():
        raise ConfigError(f"data.path={path} is not a file")
    if layout is not None and ending != ".npz":
        raise ConfigError(f"data.layout={layout} is for .npz files; a {ending} file has one layout")
    if channels is not None and ending != ".csv":
        raise ConfigError(f"data.channels is for .csv files; a {ending} file is read whole")
    if ending == ".npz":
        return read_npz(path, layout)
    if ending == ".csv":
        return read_csv(path, channels, rate)
    return read_ts(path) if ending == ".ts" else read_arff(path)


def _recordings(path: str, content: FileContent, typed: float | None) -> Recordings:
    """Join the recordings; the rate that the user typed wins over that of the file."""
    rate, notes = content.rate, content.notes
    if typed is not None:
        if rate not in (None, typed):
            notes = (*notes, f"data.rate={typed:g} replaces the rate in {path}, {rate:g}")
        rate = typed
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigError(f"{path}: the rate is {rate}; type data.rate=50 for 50 steps per second")
    if rate is None:
        notes = (*notes, f"{path} has no rate: windows are counted in steps")
    joined = join(
        content.recordings,
        rate=1.0 if rate is None else rate,
        channels=content.channels,
        classes=content.classes,
    )
    test = content.test_recordings
    return replace(
        joined,
        dataset=name_of(Path(path)),
        # Such files do not know subjects: there each recording counts as one.
        test_subjects=joined.names[-test:] if test else None,
        knows_subjects=content.knows_subjects,
        knows_rate=rate is not None,
        notes=notes,
    )


def _rate_missing(recordings: Recordings, window: object, stride: object) -> Iterator[str]:
    """Yield what to type if a duration needs a rate that nobody knows."""
    lengths = {"data.window": window, "data.stride": stride}
    durations = [f"{key}={given}" for key, given in lengths.items() if isinstance(given, str)]
    if durations and not recordings.knows_rate:
        yield (
            f"the rate is missing, and {' and '.join(durations)} cannot be counted in steps; type "
            "data.rate=50 for 50 steps per second, or a number of steps"
        )


def _subjects_missing(content: FileContent, by: By | None) -> Iterator[str]:
    """Yield what to type if a split by subject needs subjects that nobody knows."""
    own_split = by is None and content.test_recordings > 0
    if by in ("recording", "window") or content.knows_subjects or own_split:
        return
    instead = "recording" if len(content.recordings) > 1 else "window"
    yield (
        f"it does not say who was recorded, so data.by={by or 'subject'} is impossible; add a "
        f"subject for each recording, or type data.by={instead}"
    )


def _values_missing(recordings: Recordings, nan: Missing) -> Iterator[str]:
    """Yield where the first missing value is if they are refused."""
    if nan == "keep":
        return
    bad = recordings.value.isnan().nonzero()
    if len(bad):
        yield (
            f"{recordings.value_at(*bad[0].tolist())} is missing ({len(bad)} such values); fill or "
            "cut them, or type data.nan=keep"
        )
