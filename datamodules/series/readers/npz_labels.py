"""The class of every step, from the labels or the labelled intervals of an .npz file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from manyviews.datamodules.series.readers.base import number_labels
from manyviews.errors import ConfigError

Arrays = Mapping[str, np.ndarray]
Labels = tuple[Int64[np.ndarray, " S"], tuple[str, ...]]


def label_steps(path: Path, arrays: Arrays, length: list[int]) -> Labels:
    """Return the class of every step, -1 if unknown, and the names of the classes.

    Args:
        path: the file, for error messages.
        arrays: all arrays of the file, by key.
        length: steps of every recording.

    Raises:
        ConfigError: labels have another type or number, or an interval lies outside its recording.
    """
    classes = tuple(map(str, arrays["classes"])) if "classes" in arrays else None
    if "interval" in arrays or "interval_label" in arrays:
        return _intervals(path, arrays, length, classes)
    if "label" not in arrays:
        return np.full(sum(length), -1, dtype=np.int64), classes or ()
    # One per recording, or one per step.
    label, names = number_labels(arrays["label"], classes, f"{path}: label")
    if label.shape == (len(length),):
        return np.repeat(label, length), names
    if label.size != sum(length):
        raise ConfigError(
            f"{path}: label is {label.shape}; expected one for each of {len(length)} recordings "
            f"or {sum(length)} steps"
        )
    return label.reshape(-1), names


def _intervals(
    path: Path, arrays: Arrays, length: list[int], classes: tuple[str, ...] | None
) -> Labels:
    """Return the classes from intervals; steps outside every interval are -1."""
    interval, given = (arrays.get(key) for key in ("interval", "interval_label"))
    if interval is None or given is None or "label" in arrays:
        raise ConfigError(f"{path}: give both interval and interval_label, and no label")
    if interval.dtype.kind not in "iu" or interval.shape != (len(given), 3):
        raise ConfigError(
            f"{path}: interval is {interval.dtype} {interval.shape}; expected whole numbers "
            f"({len(given)}, 3): recording, first step, step after the last"
        )
    numbers, names = number_labels(given, classes, f"{path}: interval_label")
    label = np.full(sum(length), -1, dtype=np.int64)
    offset = np.cumsum([0, *length])  # first step of each recording in the flat array
    for i, (r, begin, end) in enumerate(interval.tolist()):
        if not (0 <= r < len(length) and 0 <= begin < end <= length[r]):
            raise ConfigError(
                f"{path}: interval {i}, steps {begin} to {end} of recording {r}, is not inside "
                f"one of {len(length)} recordings"
            )
        label[offset[r] + begin : offset[r] + end] = numbers[i]
    return label, names
