"""Recordings from a .csv in long form: a row per step, under a header.

subject, recording   who, and which of theirs; both may be missing
t                    time; may be missing where the rows are in order
label                class, empty where unknown; may be missing
all others           channels; an empty cell is a missing value
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from manyviews.datamodules.series.readers.base import Found, numbered
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError, unknown

OWN = ("subject", "recording", "t", "label")
GAP = 1.5  # times the usual step of t


def read_table(path: Path, channels: Sequence[str] | None) -> Found:
    """What the file holds.

    Args:
        path: the file.
        channels: columns of the channels; None: all but those with a meaning of their own.

    Raises:
        ConfigError: unknown columns, cells that are no numbers, time that runs backwards or has
            gaps.
    """
    columns = _columns(path)
    chosen = list(channels or [name for name in columns if name not in OWN])
    for name in chosen:
        if name not in columns:
            raise unknown(f"column in {path}", name, columns)
    if not chosen:
        raise ConfigError(f"{path} has no channels: its columns are {', '.join(columns)}")
    value = np.stack([_numbers(path, name, columns[name]) for name in chosen], 1)
    rows = len(value)
    label, classes = numbered(
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
    return Found(recordings, tuple(chosen), classes, knows_subjects="subject" in columns)


def _columns(path: Path) -> dict[str, list[str]]:
    """The cells below each name of the header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    if not rows:
        raise ConfigError(f"{path} holds no rows under a header")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ConfigError(
                f"{path}: row {number} has {len(row)} cells, the header {len(header)}"
            )
    if len(set(header)) != len(header):
        raise ConfigError(f"{path}: two columns have one name ({', '.join(header)})")
    columns = map(list, zip(*rows, strict=True))
    return dict(zip((name.strip() for name in header), columns, strict=True))


def _numbers(path: Path, name: str, cells: list[str], kind: type = np.float32) -> np.ndarray:
    """The cells as numbers, NaN where empty."""
    try:
        return np.array([cell if cell.strip() else "nan" for cell in cells], dtype=kind)
    except ValueError as error:
        raise ConfigError(
            f"{path}: column {name!r} holds something else than numbers ({error}); "
            f"columns that are no channels are called {', '.join(OWN)}, or type "
            "data.channels=[NAME,NAME] for those that are"
        ) from error


def _groups(columns: dict[str, list[str]], rows: int) -> dict[tuple[str, str], np.ndarray]:
    """The rows of each recording by subject and name; unknown subjects are called as these."""
    names = columns.get("recording") or columns.get("subject") or [""] * rows
    subjects = columns.get("subject") or names
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(subjects, names, strict=True)):
        groups.setdefault(key, []).append(row)
    return {key: np.array(index) for key, index in groups.items()}


def _in_order(path: Path, name: str, time: np.ndarray, rows: np.ndarray) -> None:
    step = np.diff(time)
    if not (step > 0).all():  # NaN is no time either
        row = rows[1 + int(np.argmin(step > 0))] + 2
        raise ConfigError(f"{path}: recording {name!r}: t does not grow at row {row}; sort by t")
    if len(step) and step.max() > GAP * np.median(step):
        at = int(step.argmax())
        raise ConfigError(
            f"{path}: recording {name!r}: t jumps from {time[at]:g} to {time[at + 1]:g}, usually "
            f"by {np.median(step):g}; give the part behind the gap a recording of its own"
        )
