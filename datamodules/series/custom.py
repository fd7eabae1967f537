"""Your own recordings: `data=series data.path=FILE`; the file's ending chooses the reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from manyviews.datamodules.series.hold_out import By
from manyviews.datamodules.series.readers.base import FileContent
from manyviews.datamodules.series.readers.csv_long import read_csv
from manyviews.datamodules.series.readers.npz import Layout, read_npz
from manyviews.datamodules.series.readers.ts import TEST, TRAIN, read_ts
from manyviews.datamodules.series.recordings import Recordings, join
from manyviews.datamodules.series.splits import common_length, windowed
from manyviews.errors import ConfigError, unknown

ENDINGS = ".npz", ".ts", ".csv"
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
    by: By | None,
) -> Recordings:
    """Return the recordings of an .npz, a .ts or a .csv file.

    Args:
        path: the file; of a pair `X_TRAIN.ts` and `X_TEST.ts` either one.
        rate: sampling rate in Hz; None: as the file says.
        layout: axes of an .npz whose `value` has three of them: "nct" or "ntc".
        channels: columns of a .csv that are channels; None: all columns without another meaning.
        nan: "refuse" missing values, or "keep" them for backbones that can read them.
        window: None is allowed if all recordings have the same length.
        by: None or "subject" needs to know the subjects, or a pair of .ts files.

    Raises:
        ConfigError: the file cannot be read or is incomplete; the message says what to type.
    """
    content = _read(Path(path), layout, channels)
    recordings = _recordings(path, content, rate)
    _check_missing(path, recordings, nan)
    own_split = content.test_recordings > 0
    if by not in ("recording", "window") and not content.knows_subjects:
        if by is not None or not own_split:
            raise ConfigError(
                f"{path} does not say who was recorded, so data.by={by or 'subject'} is "
                "impossible; add a subject for each recording, or type data.by=recording"
            )
    if window is None:
        common_length(path, recordings)
    return replace(
        recordings,
        dataset=Path(path).stem.removesuffix(TRAIN).removesuffix(TEST),
        # .ts files do not know subjects: there each recording counts as one.
        test_subjects=recordings.names[-content.test_recordings :] if own_split else None,
    )


def _read(path: Path, layout: Layout | None, channels: list[str] | None) -> FileContent:
    """Read the file with the reader for its ending."""
    if path.suffix not in ENDINGS:
        raise unknown("ending of data.path", path.suffix or str(path), ENDINGS)
    if not path.is_file():
        raise ConfigError(f"data.path={path} is not a file")
    if layout is not None and path.suffix != ".npz":
        raise ConfigError(
            f"data.layout={layout} is for .npz files; a {path.suffix} file has one layout"
        )
    if channels is not None and path.suffix != ".csv":
        raise ConfigError(f"data.channels is for .csv files; a {path.suffix} file is read whole")
    if path.suffix == ".npz":
        return read_npz(path, layout)
    return read_ts(path) if path.suffix == ".ts" else read_csv(path, channels)


def _recordings(path: str, content: FileContent, rate: float | None) -> Recordings:
    """Join the recordings; the rate that the user typed wins over that of the file."""
    rate = content.rate if rate is None else rate
    if rate is None or not 0 < rate < float("inf"):
        raise ConfigError(
            f"{path}: the rate is {'missing' if rate is None else rate}; type data.rate=50 for "
            "50 steps per second, data.rate=1 if steps have no duration"
        )
    return join(content.recordings, rate=rate, channels=content.channels, classes=content.classes)


def _check_missing(path: str, recordings: Recordings, nan: Missing) -> None:
    """Raise if a value is infinite, or is NaN and must not be; name the first, count the rest."""
    value = recordings.value
    bad = (value.isinf() if nan == "keep" else ~value.isfinite()).nonzero()
    if not len(bad):
        return
    step, channel = bad[0].tolist()
    # The recording that contains this step of the flat array.
    r = int(torch.searchsorted(recordings.offset, step, right=True)) - 1
    raise ConfigError(
        f"{path}: recording {recordings.names[r]!r}, channel {recordings.channels[channel]!r}, "
        f"step {step - int(recordings.offset[r])} is {float(value[step, channel])} "
        f"({len(bad)} such values); fill or cut them"
        + (", or type data.nan=keep" if nan == "refuse" else "")
    )
