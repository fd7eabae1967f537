"""The class of every step, from the labels or the labelled intervals of an .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from manyviews.datamodules.series.readers.base import Numbered, number_labels
from manyviews.errors import ConfigError

Arrays = Mapping[str, np.ndarray]


def label_steps(path: Path, arrays: Arrays, length: list[int]) -> Numbered:
    """Return the class of every step, int64 (S,), and the names of the classes.

    Args:
        path: the file, for error messages.
        arrays: all arrays of the file, by key.
        length: steps of every recording.

    Raises:
        ConfigError: labels have another type or number, an interval lies outside its recording, or
            two intervals name different classes for one step.
    """
    classes = tuple(map(str, arrays["classes"].tolist())) if "classes" in arrays else None
    if "interval" in arrays or "interval_label" in arrays:
        return _intervals(path, arrays, length, classes)
    if "label" not in arrays:
        unknown, none = np.full(sum(length), -1, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return number_labels(none, classes or (), f"{path}: classes")._replace(label=unknown)
    # One per recording, or one per step.
    numbered = number_labels(arrays["label"], classes, f"{path}: label")
    label, count, steps = numbered.label, len(length), sum(length)
    if label.shape == (count,):
        return numbered._replace(label=np.repeat(label, length))
    table = (count, length[0]) if min(length) == max(length) else (steps,)
    if label.shape not in ((steps,), table):
        raise ConfigError(
            f"{path}: label is {label.shape}; expected one for each of {count} recordings "
            f"or {steps} steps"
        )
    return numbered._replace(label=label.reshape(-1))


def _intervals(
    path: Path, arrays: Arrays, length: list[int], classes: tuple[str, ...] | None
) -> Numbered:
    """Return the classes from intervals; steps outside every interval are -1."""
    interval, given = (arrays.get(key) for key in ("interval", "interval_label"))
    if interval is None or given is None or "label" in arrays:
        raise ConfigError(f"{path}: give both interval and interval_label, and no label")
    if interval.dtype.kind not in "iu" or interval.shape != (len(given), 3):
        raise ConfigError(
            f"{path}: interval is {interval.dtype} {interval.shape}; expected whole numbers "
            f"({len(given)}, 3): recording, first step, step after the last"
        )
    numbered = number_labels(given, classes, f"{path}: interval_label")
    label = np.full(sum(length), -1, dtype=np.int64)
    offset = np.cumsum([0, *length])  # first step of each recording in the flat array
    for i, (r, begin, end) in enumerate(interval.tolist()):
        if not (0 <= r < len(length) and 0 <= begin < end <= length[r]):
            raise ConfigError(
                f"{path}: interval {i}, steps {begin} to {end} of recording {r}, is not inside "
                f"one of {len(length)} recordings"
            )
        number, steps = numbered.label[i], label[offset[r] + begin : offset[r] + end]
        if ((steps >= 0) & (steps != number)).any():
            raise ConfigError(
                f"{path}: interval {i}, steps {begin} to {end} of recording {r}, overlaps one of "
                "another class; a step has one"
            )
        steps[:] = number
    return numbered._replace(label=label)
