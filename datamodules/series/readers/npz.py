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

import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from manyviews.datamodules.series.readers.base import FileContent
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
    arrays = _arrays(path)
    value, length = _value(path, arrays, layout)
    label, classes = label_steps(path, arrays, length)
    names = tuple(map(str, arrays.get("channels", range(value.shape[1]))))
    if len(names) != value.shape[1]:
        raise ConfigError(
            f"{path}: channels has {len(names)} names, value {value.shape[1]} channels"
        )
    count = len(length)
    name = _per_recording(path, arrays, "name", count) or list(map(str, range(count)))
    # Without subjects, each recording counts as one.
    subject = _per_recording(path, arrays, "subject", count)
    parts = torch.from_numpy(value).split(length)
    labels = torch.from_numpy(label).split(length)
    recordings = list(map(Recording, parts, labels, subject or name, name))
    return FileContent(recordings, names, classes, _rate(path, arrays), subject is not None)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Load the arrays and check their keys and numbers of axes."""
    try:
        with np.load(path, allow_pickle=False) as held:  # a pickle could run code
            arrays = {key: held[key] for key in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ConfigError(
            f"{path} is not an .npz file of plain arrays ({error}); write it with numpy.savez, "
            "and names as arrays of strings"
        ) from error
    if strange := sorted(set(arrays) - set(KEYS)):
        raise unknown(f"key in {path}", strange[0], KEYS)
    for key in ONE_AXIS:
        if key in arrays and arrays[key].ndim != 1:
            raise ConfigError(f"{path}: {key} is {arrays[key].shape}; allowed: one axis")
    if "value" not in arrays or not arrays["value"].size:
        raise ConfigError(f"{path} holds no value; its keys are {', '.join(arrays) or 'none'}")
    return arrays


def _value(path: Path, arrays: Arrays, layout: Layout | None) -> tuple[np.ndarray, list[int]]:
    """Return all values as float32 (steps, channels), and the steps of every recording."""
    value = arrays["value"]
    if value.dtype.kind not in "fiu" or value.ndim not in (2, 3):
        raise ConfigError(
            f"{path}: value is {value.dtype} {value.shape}; "
            "allowed: numbers (N, C, T), (N, T, C) or (S, C)"
        )
    if value.ndim == 3:  # recordings of one length
        if _layout(path, value, arrays, layout) == "nct":
            value = value.swapaxes(1, 2)
        if "length" in arrays or "offset" in arrays:
            raise ConfigError(
                f"{path}: value is {value.shape}, recordings of one length; leave out length and "
                "offset, or join recordings to (steps, channels)"
            )
        flat = value.reshape(-1, value.shape[2])
        return flat.astype(np.float32), [value.shape[1]] * value.shape[0]
    return value.astype(np.float32), _length(path, arrays)


def _length(path: Path, arrays: Arrays) -> list[int]:
    """Return the steps of every recording in a `value` of two axes."""
    steps = len(arrays["value"])
    if ("length" in arrays) == ("offset" in arrays):
        raise ConfigError(f"{path}: value is {arrays['value'].shape}; give length or offset")
    offset = arrays["offset"] if "offset" in arrays else np.cumsum([0, *arrays["length"]])
    if offset.dtype.kind not in "iu" or offset[0] != 0 or offset[-1] != steps:
        raise ConfigError(
            f"{path}: recordings lie from step {offset[0]} to {offset[-1]}, value has {steps} "
            "steps; length holds whole numbers that add up to them, offset goes from 0 to there"
        )
    length = np.diff(offset).tolist()
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


def _per_recording(path: Path, arrays: Arrays, key: str, count: int) -> list[str] | None:
    """Return one name per recording, None if the file does not have this key."""
    if key not in arrays:
        return None
    if arrays[key].shape != (count,):
        raise ConfigError(
            f"{path}: {key} is {arrays[key].shape}; expected one for each of {count} recordings"
        )
    return list(map(str, arrays[key].tolist()))
