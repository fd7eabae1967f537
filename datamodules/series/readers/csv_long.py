"""A reader for .csv files in long form: a header, then one row per step.

subject, recording   names of the subject and of the recording; both columns may be missing
t                    time; may be missing if the rows are in order
label                class, empty if unknown; may be missing
all others           channels; an empty cell is a missing value
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from manyviews.datamodules.series.readers.base import FileContent, number_labels
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError, unknown

NO_CHANNELS = ("subject", "recording", "t", "label")
GAP = 1.5  # a step of t larger than this many median steps is a gap


def read_csv(path: Path, channels: Sequence[str] | None) -> FileContent:
    """Read a file.

    Args:
        path: the file.
        channels: columns that are channels; None: all but subject, recording, t and label.

    Raises:
        ConfigError: a column is unknown, a cell is no number, or time runs backwards or has gaps.
    """
    columns = _columns(path)
    chosen = list(channels or [name for name in columns if name not in NO_CHANNELS])
    for name in chosen:
        if name not in columns:
            raise unknown(f"column in {path}", name, columns)
    if not chosen:
        raise ConfigError(f"{path} has no channels: its columns are {', '.join(columns)}")
    value = np.stack([_numbers(path, name, columns[name]) for name in chosen], 1)
    rows = len(value)
    label, classes = number_labels(
        np.array(columns.get("label", [""] * rows), dtype=str), None, f"{path}: label"
    )
    time = _numbers(path, "t", columns["t"], np.float64) if "t" in columns else None
    recordings = []
    for (subject, name), index in _groups(columns, rows).items():
        if time is not None:
            _in_order(path, name, time[index], index)
        recordings.append(
            Recording(torch.from_numpy(value[index]), torch.from_numpy(label[index]), subject, name)
        )
    return FileContent(recordings, tuple(chosen), classes, knows_subjects="subject" in columns)


def _columns(path: Path) -> dict[str, list[str]]:
    """Return the cells below each name of the header."""
    try:
        # Excel writes a byte order mark, which "utf-8-sig" skips.
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    if not rows:
        raise ConfigError(f"{path} holds no rows under a header")
    for number, row in enumerate(rows, 2):  # the header is row 1
        if len(row) != len(header):
            raise ConfigError(
                f"{path}: row {number} has {len(row)} cells, the header {len(header)}"
            )
    if len(set(header)) != len(header):
        raise ConfigError(f"{path}: two columns have the same name ({', '.join(header)})")
    columns = map(list, zip(*rows, strict=True))
    return dict(zip((name.strip() for name in header), columns, strict=True))


def _numbers(path: Path, name: str, cells: list[str], kind: type = np.float32) -> np.ndarray:
    """Return the cells as numbers, NaN if empty."""
    try:
        return np.array([cell if cell.strip() else "nan" for cell in cells], dtype=kind)
    except ValueError as error:
        raise ConfigError(
            f"{path}: column {name!r} holds something other than numbers ({error}); "
            f"columns that are not channels are called {', '.join(NO_CHANNELS)}, or type "
            "data.channels=[NAME,NAME] for those that are"
        ) from error


def _groups(columns: dict[str, list[str]], rows: int) -> dict[tuple[str, str], np.ndarray]:
    """Return the rows of each recording by (subject, name).

    Without a column `subject`, every recording is a subject with the name of the recording.
    """
    names = columns.get("recording") or columns.get("subject") or [""] * rows
    subjects = columns.get("subject") or names
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(subjects, names, strict=True)):
        groups.setdefault(key, []).append(row)
    return {key: np.array(index) for key, index in groups.items()}


def _in_order(path: Path, name: str, time: np.ndarray, rows: np.ndarray) -> None:
    """Raise unless time grows from row to row, without gaps."""
    step = np.diff(time)
    if not (step > 0).all():  # NaN is no time either
        row = rows[1 + int(np.argmin(step > 0))] + 2
        raise ConfigError(
            f"{path}: recording {name!r}: t does not increase at row {row}; sort by t"
        )
    if len(step) and step.max() > GAP * np.median(step):
        at = int(step.argmax())
        raise ConfigError(
            f"{path}: recording {name!r}: t jumps from {time[at]:g} to {time[at + 1]:g}, usually "
            f"by {np.median(step):g}; give the part after the gap another recording name"
        )
