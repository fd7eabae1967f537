"""A reader for .npz files of plain arrays.

value      numbers: (N, C, T) or (N, T, C) for N recordings of equal length, or (S, C) for
           recordings one after another
length     whole numbers (R,), steps of each recording in (S, C); or instead
offset     (R + 1,), the first step of each recording, then the number of all steps
subject    (R,), names or numbers
name       (R,), names of the recordings
rate       steps per second
channels   (C,), names
label      (R,) or one per step: whole numbers (negative: unknown) or names (empty: unknown); or
           instead
interval   whole numbers (I, 3): recording, first step, step after the last one, with
interval_label  (I,); steps outside the intervals are unknown
classes    (M,), names of the labels 0..M-1
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from manyviews.datamodules.series.readers.base import FileContent
from manyviews.datamodules.series.readers.float32 import to_float32
from manyviews.datamodules.series.readers.names import stripped_names, subject_names, unique_names
from manyviews.datamodules.series.readers.npz_arrays import load_arrays
from manyviews.datamodules.series.readers.npz_labels import Arrays, label_steps
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError, unknown

KEYS = (
    "value",
    "length",
    "offset",
    "subject",
    "name",
    "rate",
    "channels",
    "label",
    "interval",
    "interval_label",
    "classes",
)
ONE_AXIS = "length", "offset", "subject", "name", "channels", "interval_label", "classes"
NAMES = "subject", "name", "channels", "classes"
Layout = Literal["nct", "ntc"]


def read_npz(path: Path, layout: Layout | None) -> FileContent:
    """Read a file; nothing in it is ever unpickled.

    Args:
        path: the file.
        layout: axes of a `value` that has three; None: the number of channel names decides.

    Raises:
        ConfigError: a key is unknown or missing, shapes do not fit together, or the layout is
            ambiguous.
    """
    arrays = _checked(path, load_arrays(path))
    value, length = _value(path, arrays, layout)
    labelled = label_steps(path, arrays, length)
    channels = _channels(path, arrays, value.shape[1])
    count = len(length)
    name, of_names = stripped_names(
        _per_recording(path, arrays, "name", count) or list(map(str, range(count))), f"{path}: name"
    )
    subject, of_subjects = name, ()  # without subjects, each recording counts as one
    if "subject" in arrays:
        given = _per_recording(path, arrays, "subject", count)
        subject, of_subjects = subject_names(given or [], str(path), "recordings")
    single, of_values = to_float32(value, channels, str(path))
    parts = torch.from_numpy(single).split(length)
    labels = torch.from_numpy(labelled.label).split(length)
    return FileContent(
        list(map(Recording, parts, labels, subject, name)),
        channels,
        labelled.classes,
        _rate(path, arrays),
        "subject" in arrays,
        notes=(*of_values, *of_names, *of_subjects, *labelled.notes),
    )


def _checked(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays if their keys, types and numbers of axes are those that are read."""
    if strange := sorted(set(arrays) - set(KEYS)):
        raise unknown(f"key in {path}", strange[0], KEYS)
    for key in ONE_AXIS:
        if key in arrays and arrays[key].ndim != 1:
            raise ConfigError(f"{path}: {key} is {arrays[key].shape}; allowed: one axis")
    for key in NAMES:
        if key in arrays and arrays[key].dtype.kind not in "Uiuf":
            raise ConfigError(
                f"{path}: {key} is {arrays[key].dtype}; allowed: names as text, or numbers"
            )
    if "value" not in arrays or not arrays["value"].size:
        raise ConfigError(f"{path} holds no value; its keys are {', '.join(arrays) or 'none'}")
    return arrays


def _value(path: Path, arrays: Arrays, layout: Layout | None) -> tuple[np.ndarray, list[int]]:
    """Return all values as (steps, channels), and the steps of every recording."""
    value = arrays["value"]
    if value.dtype.kind not in "fiu" or value.ndim not in (2, 3):
        raise ConfigError(
            f"{path}: value is {value.dtype} {value.shape}; "
            "allowed: numbers (N, C, T), (N, T, C) or (S, C)"
        )
    if value.ndim == 2:
        return value, _length(path, arrays)
    if _layout(path, value, arrays, layout) == "nct":  # recordings of one length
        value = value.swapaxes(1, 2)
    if "length" in arrays or "offset" in arrays:
        raise ConfigError(
            f"{path}: value is {value.shape}, recordings of one length; leave out length and "
            "offset, or join recordings to (steps, channels)"
        )
    return value.reshape(-1, value.shape[2]), [value.shape[1]] * value.shape[0]


def _length(path: Path, arrays: Arrays) -> list[int]:
    """Return the steps of every recording in a `value` of two axes."""
    steps = len(arrays["value"])
    given = [key for key in ("length", "offset") if key in arrays]
    if len(given) != 1:
        raise ConfigError(
            f"{path}: value is {arrays['value'].shape}; give length or offset"
            + (", not both" if given else "")
        )
    numbers = arrays[given[0]]
    if numbers.dtype.kind not in "iu" or not len(numbers):
        raise ConfigError(
            f"{path}: {given[0]} is {numbers.dtype} {numbers.shape}; allowed: whole numbers"
        )
    # Python's integers do not overflow, nor wrap below zero as unsigned ones do.
    offset = numbers.tolist()
    if given == ["length"]:
        offset = [*accumulate(offset, initial=0)]
    if offset[0] != 0 or offset[-1] != steps:
        raise ConfigError(
            f"{path}: recordings lie from step {offset[0]} to {offset[-1]}, value has {steps} "
            "steps; length holds whole numbers that add up to them, offset goes from 0 to there"
        )
    length = [end - begin for begin, end in pairwise(offset)]
    if min(length) < 1:
        raise ConfigError(f"{path}: recording {length.index(min(length))} has {min(length)} steps")
    return length


def _rate(path: Path, arrays: Arrays) -> float | None:
    """Return the sampling rate in Hz, None if the file has none."""
    rate = arrays.get("rate")
    if rate is None:
        return None
    if rate.size != 1 or rate.dtype.kind not in "fiu":
        raise ConfigError(f"{path}: rate is {rate.dtype} {rate.shape}; allowed: one number, in Hz")
    return float(rate.item())


def _layout(path: Path, value: np.ndarray, arrays: Arrays, layout: Layout | None) -> Layout:
    """Return the layout that was given, or the only one that fits the number of channel names."""
    if layout is not None:
        return layout
    fits = [axis for axis in (1, 2) if value.shape[axis] == len(arrays.get("channels", ()))]
    if len(fits) != 1:
        raise ConfigError(
            f"{path}: value is {value.shape}, channels and steps look alike; type "
            "data.layout=nct for (recordings, channels, steps) or data.layout=ntc"
        )
    return "nct" if fits == [1] else "ntc"


def _channels(path: Path, arrays: Arrays, count: int) -> tuple[str, ...]:
    """Return the names of the channels, which are numbers if the file has none."""
    given = [str(name) for name in arrays.get("channels", np.arange(count)).tolist()]
    if len(given) != count:
        raise ConfigError(f"{path}: channels has {len(given)} names, value {count} channels")
    return unique_names(given, str(path), "channel")


def _per_recording(path: Path, arrays: Arrays, key: str, count: int) -> list[str] | None:
    """Return one name per recording, None if the file does not have this key."""
    if key not in arrays:
        return None
    if arrays[key].shape != (count,):
        raise ConfigError(
            f"{path}: {key} is {arrays[key].shape}; expected one for each of {count} recordings"
        )
    return list(map(str, arrays[key].tolist()))
