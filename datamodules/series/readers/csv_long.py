"""A reader for .csv files in long form: a header, then one row per step.

subject, recording   names of the subject and of the recording; both columns may be missing
t                    time; may be missing if the rows are in order
label                class, empty if unknown; may be missing
all others           channels; an empty cell is a missing value
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from manyviews.datamodules.label_text import UNKNOWN
from manyviews.datamodules.series.readers.base import (
    FileContent,
    Numbered,
    number_labels,
    text_array,
)
from manyviews.datamodules.series.readers.csv_table import read_table
from manyviews.datamodules.series.readers.csv_time import check_order, rate_of
from manyviews.datamodules.series.readers.float32 import parse, to_float32
from manyviews.datamodules.series.readers.names import (
    listed,
    stripped_names,
    subject_names,
    unique_names,
)
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError, unknown

NO_CHANNELS = ("subject", "recording", "t", "label")
SHOWN = 10  # channels in one sentence
Notes = tuple[str, ...]


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
    table = read_table(path, unnamed=channels is not None)
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
        return chosen, tuple(
            f"{path.name}: column {name!r} is not read; one with this meaning is {name.lower()}"
            for name in set(columns) - set(chosen)
            if name not in NO_CHANNELS and name.lower() in NO_CHANNELS
        )
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
    return number_labels(text_array(columns["label"], str(path)), None, f"{path}: label")


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
