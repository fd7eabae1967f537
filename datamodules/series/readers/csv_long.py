"""A reader for .csv files in long form: a header, then one row per step.

subject, recording   names of the subject and of the recording; both columns may be missing
t                    time; may be missing if the rows are in order
label                class, empty if unknown; may be missing
all others           channels; an empty cell is a missing value
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from manyviews.datamodules.label_text import UNKNOWN
from manyviews.datamodules.series.readers.base import FileContent, Numbered, number_labels
from manyviews.datamodules.series.readers.csv_time import check_order, rate_of
from manyviews.datamodules.series.readers.float32 import parse, to_float32
from manyviews.datamodules.series.readers.names import (
    listed,
    stripped_names,
    subject_names,
    unique_names,
)
from manyviews.datamodules.series.readers.text import read_text
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError, unknown

NO_CHANNELS = ("subject", "recording", "t", "label")
SHOWN = 10  # channels in one sentence
Notes = tuple[str, ...]


class Table(NamedTuple):
    """The cells of a file.

    Attributes:
        columns: cells by the name of their column.
        line: number of the line of each row, for messages.
        notes: see `FileContent`.
    """

    columns: dict[str, list[str]]
    line: np.ndarray
    notes: Notes


def read_csv(path: Path, channels: Sequence[str] | None, rate: float | None = None) -> FileContent:
    """Read a file.

    Args:
        path: the file.
        channels: columns that are channels; None: all but subject, recording, t and label.
        rate: steps per second, which `t` must agree with; None: as `t` says.

    Raises:
        ConfigError: a column is unknown, a cell is no number, time runs backwards or has gaps, or
            `t` says another rate.
    """
    table = _table(path, unnamed=channels is not None)
    columns = table.columns
    chosen, said = _channels(path, columns, channels)
    cells = np.stack([_numbers(path, name, columns[name]) for name in chosen], 1)
    value, of_values = to_float32(cells, chosen, str(path))
    labelled = _labels(path, columns, len(value))
    groups, of_groups = _groups(path, columns, len(value))
    time, of_time = None, ()
    if "t" in columns:
        time = _numbers(path, "t", columns["t"])
        for (_, name), rows in groups.items():
            check_order(path, name, time[rows], table.line[rows])
        rate, of_time = rate_of(path, {key: time[i] for key, i in groups.items()}, rate)
    recordings = [
        Recording(
            torch.from_numpy(value[rows]), torch.from_numpy(labelled.label[rows]), subject, name
        )
        for (subject, name), rows in groups.items()
    ]
    return FileContent(
        recordings,
        chosen,
        labelled.classes,
        rate,
        knows_subjects="subject" in columns,
        notes=(*table.notes, *said, *of_values, *labelled.notes, *of_groups, *of_time),
    )


def _table(path: Path, *, unnamed: bool) -> Table:
    """Return the cells below each name of the header.

    Args:
        path: the file.
        unnamed: True leaves out columns without a name.
    """
    text, notes = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ConfigError(f"{path} cannot be read (line {reader.line_num}: {error})") from error
    if len(rows) < 2:
        raise ConfigError(f"{path} holds no rows under a header")
    header = rows[0][1]
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise ConfigError(
                f"{path}: row {number} has {len(row)} cells, the header {len(header)}"
            )
    if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), None)):
        raise ConfigError(f"{path}: its cells stand between {mark!r}; save it with commas")
    kept = [i for i, name in enumerate(header) if name.strip() or not unnamed]
    names = unique_names([header[i] for i in kept], str(path), "column")
    columns = {name: [row[i] for _, row in rows[1:]] for i, name in zip(kept, names, strict=True)}
    return Table(columns, np.array([number for number, _ in rows[1:]]), notes)


def _channels(
    path: Path, columns: dict[str, list[str]], asked: Sequence[str] | None
) -> tuple[tuple[str, ...], Notes]:
    """Return the columns that are channels, and a sentence that names them if nobody did."""
    if asked is not None:
        chosen = unique_names(asked, f"data.channels={[*asked]}", "channel")
        for name in chosen:
            if name not in columns:
                raise unknown(f"column in {path}", name, (listed([c]) for c in columns))
    else:
        chosen = tuple(name for name in columns if name not in NO_CHANNELS)
        if odd := next((name for name in chosen if name.lower() in NO_CHANNELS), None):
            raise ConfigError(
                f"{path}: column {odd!r} is {odd.lower()} or a channel; name it {odd.lower()}, or "
                "type data.channels=[NAME,NAME] for those that are channels"
            )
    if not chosen:
        raise ConfigError(f"{path} has no channels: its columns are {listed(columns)}")
    if label := next((name for name in chosen if name in ("subject", "recording", "label")), None):
        raise ConfigError(f"data.channels: {label} of {path} is no measurement; leave it out")
    if asked is not None:
        return chosen, ()
    more = f" and {len(chosen) - SHOWN} more" if len(chosen) > SHOWN else ""
    return chosen, (f"{path.name}: the channels are {listed(chosen[:SHOWN])}{more}",)


def _numbers(path: Path, name: str, cells: list[str]) -> np.ndarray:
    """Return the cells as float64, NaN if empty."""
    try:
        return parse(cells, (*UNKNOWN, "?"))
    except ValueError as error:
        advice = (
            "t is the time in seconds"
            if name == "t"
            else f"columns that are not channels are called {', '.join(NO_CHANNELS)}, or type "
            "data.channels=[NAME,NAME] for those that are"
        )
        raise ConfigError(
            f"{path}: column {name!r} holds something other than numbers ({error}); {advice}"
        ) from error


def _labels(path: Path, columns: dict[str, list[str]], rows: int) -> Numbered:
    """Return the class of each row; all are unknown if there is no column for them."""
    if "label" not in columns:
        return Numbered(np.full(rows, -1, dtype=np.int64), ())
    return number_labels(np.array(columns["label"], dtype=str), None, f"{path}: label")


def _groups(
    path: Path, columns: dict[str, list[str]], rows: int
) -> tuple[dict[tuple[str, str], np.ndarray], Notes]:
    """Return the rows of each recording by (subject, name), and what was read differently.

    Without a column `subject`, every recording is a subject with the name of the recording.
    """
    subjects, of_subjects = None, ()
    if "subject" in columns:
        subjects, of_subjects = subject_names(columns["subject"], str(path), "rows")
    names, of_names = subjects or [""] * rows, ()
    if "recording" in columns:
        names, of_names = stripped_names(columns["recording"], f"{path}: recording")
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(subjects or names, names, strict=True)):
        groups.setdefault(key, []).append(row)
    apart = [
        name for (_, name), i in groups.items() if "t" not in columns and i[-1] - i[0] >= len(i)
    ]
    if apart:
        of_names = (
            *of_names,
            f"{path.name}: the rows of recording {apart[0]!r} do not stand together "
            f"({len(apart)} such recordings): they are joined",
        )
    return {key: np.array(index) for key, index in groups.items()}, (*of_subjects, *of_names)
