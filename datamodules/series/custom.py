"""Your own recordings: `data=series data.path=FILE`, by the file's ending."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from manyviews.datamodules.series.holding_out import By, Test
from manyviews.datamodules.series.readers.base import Found
from manyviews.datamodules.series.readers.csv_long import read_table
from manyviews.datamodules.series.readers.npz import Layout, read_npz
from manyviews.datamodules.series.readers.ts import TEST, TRAIN, read_ts
from manyviews.datamodules.series.recordings import Recordings, join
from manyviews.datamodules.series.splits import Norm, SeriesSplits, split
from manyviews.errors import ConfigError, unknown

ENDINGS = ".npz", ".ts", ".csv"
Missing = Literal["refuse", "keep"]


def series(
    path: str,
    rate: float | None = None,
    window: int | str | None = None,
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By | None = None,
    test: Test = 0.2,
    norm: Norm = "train",
    layout: Layout | None = None,
    channels: list[str] | None = None,
    nan: Missing = "refuse",
) -> SeriesSplits:
    """Recordings from an .npz, a .ts or a .csv file.

    Args:
        path: the file; of a pair `X_TRAIN.ts` and `X_TEST.ts` either.
        rate: steps per second; null: as the file says.
        window: steps or a duration; null: the recordings' own length where all agree.
        stride: steps or a duration; null: the window.
        min_purity: share of a window's steps that must have one class, or its label is unknown.
        by: what the splits do not share; null: the files' own splits where there are two, else
            subject.
        test: names held out, or the share of them.
        norm: train or none.
        layout: of an .npz whose `value` has three axes: nct or ntc.
        channels: columns of a .csv that are channels; null: all that mean nothing else.
        nan: refuse missing values, or keep them for backbones that know how to take them.

    Raises:
        ConfigError: a file that cannot be read or is not complete, with what to type.
    """
    found = _read(Path(path), layout, channels)
    recordings = _recordings(path, found, rate)
    _no_missing(path, recordings, nan)
    if by is None and found.held_out:
        by, test = "recording", list(recordings.names[-found.held_out :])
    if by not in ("recording", "window") and not found.knows_subjects:
        raise ConfigError(
            f"{path} does not say who was recorded, so that data.by={by or 'subject'} cannot be; "
            "add a subject for each recording, or type data.by=recording"
        )
    return split(
        recordings,
        Path(path).stem.removesuffix(TRAIN).removesuffix(TEST),
        window=_length(path, recordings) if window is None else window,
        stride=stride,
        min_purity=min_purity,
        by=by or "subject",
        test=test,
        norm=norm,
    )


def _read(path: Path, layout: Layout | None, channels: list[str] | None) -> Found:
    if path.suffix not in ENDINGS:
        raise unknown("ending of data.path", path.suffix or str(path), ENDINGS)
    if not path.is_file():
        raise ConfigError(f"data.path={path} is no file")
    if layout is not None and path.suffix != ".npz":
        raise ConfigError(f"data.layout={layout} is for .npz files, a {path.suffix} has but one")
    if channels is not None and path.suffix != ".csv":
        raise ConfigError(f"data.channels is for .csv files; all channels of a {path.suffix} count")
    if path.suffix == ".npz":
        return read_npz(path, layout)
    return read_ts(path) if path.suffix == ".ts" else read_table(path, channels)


def _recordings(path: str, found: Found, rate: float | None) -> Recordings:
    rate = found.rate if rate is None else rate
    if rate is None or not 0 < rate < float("inf"):
        raise ConfigError(
            f"{path}: the rate is {'missing' if rate is None else rate}; type data.rate=50 for "
            "50 steps per second, data.rate=1 where steps are no time"
        )
    return join(found.recordings, rate=rate, channels=found.channels, classes=found.classes)


def _no_missing(path: str, recordings: Recordings, nan: Missing) -> None:
    """Names the first value that is no number, and counts the rest."""
    value = recordings.value
    bad = (value.isinf() if nan == "keep" else ~value.isfinite()).nonzero()
    if not len(bad):
        return
    step, channel = bad[0].tolist()
    r = int(torch.searchsorted(recordings.offset, step, right=True)) - 1
    raise ConfigError(
        f"{path}: recording {recordings.names[r]!r}, channel {recordings.channels[channel]!r}, "
        f"step {step - int(recordings.offset[r])} is {float(value[step, channel])} "
        f"({len(bad)} such values); fill or cut them"
        + (", or type data.nan=keep" if nan == "refuse" else "")
    )


def _length(path: str, recordings: Recordings) -> int:
    """The steps that all recordings have."""
    short, long = int(recordings.length.min()), int(recordings.length.max())
    if short != long:
        raise ConfigError(
            f"data.window is missing, and the recordings of {path} have {short} to {long} steps; "
            "type data.window=128 or data.window=2.56s"
        )
    return short
