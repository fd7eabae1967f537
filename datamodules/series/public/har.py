"""HAPT: everyday movement recorded by a phone at the waist, read from the published files.

Reyes-Ortiz, Oneto, Samà, Parra, Anguita: "Transition-aware human activity recognition using
smartphones", Neurocomputing 171, 2016. UCI Machine Learning Repository, number 341.

Deviations from the REBAR code: it cuts all recordings to the length of the third shortest, drops
the two shorter ones and splits by recording, so that a person is in both splits. Here recordings
keep their length and the splits share no person (`data.by=recording` splits as REBAR does).
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64

from manyviews.datamodules.error_text import error_text
from manyviews.datamodules.places import place_of
from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import windowed
from manyviews.errors import ConfigError

CLASSES = "walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying"
CHANNELS = "ax", "ay", "az", "wx", "wy", "wz"  # acceleration in g, rotation in rad/s
RATE = 50.0
FETCH = (
    'fetch "Smartphone-Based Recognition of Human Activities and Postural Transitions" from '
    "https://archive.ics.uci.edu/dataset/341, unpack it, and type data.root=FOLDER where "
    "FOLDER/RawData holds labels.txt, acc_exp01_user01.txt, gyro_exp01_user01.txt and so on"
)


@windowed(window="2.56s")
def har(root: str) -> Recordings:
    """Return 61 recordings of 30 people: 6 channels at 50 Hz, 6 activities; transitions are -1.

    Args:
        root: folder of the unpacked archive.

    Raises:
        ConfigError: the files are missing or incomplete.
    """
    folder = place_of("har", root, "RawData/acc_exp*_user*.txt", FETCH) / "RawData"
    labels = _labels(folder / "labels.txt")
    recordings = [_recording(file, labels) for file in sorted(folder.glob("acc_exp*_user*.txt"))]
    joined = join(recordings, rate=RATE, channels=CHANNELS, classes=CLASSES)
    return replace(joined, notes=_differences(recordings, labels))


def _differences(recordings: list[Recording], labels: Int64[np.ndarray, "L 5"]) -> tuple[str, ...]:
    """Return a sentence if labels lie outside the recordings."""
    steps = {recording.name: len(recording.value) for recording in recordings}
    ends = [(f"{row[1]}-{row[0]}", row[4]) for row in labels.tolist()]
    absent = len({name for name, _ in ends} - set(steps))
    late = sum(end > steps.get(name, end) for name, end in ends)
    said = (
        f"{absent} labelled experiments have no file" if absent else "",
        f"{late} labels go on after the end of their recording" if late else "",
    )
    return tuple(filter(None, said))


def _labels(file: Path) -> Int64[np.ndarray, "L 5"]:
    """Read rows of experiment, user, activity, first and last step."""
    labels = _numbers(file, 5).astype(np.int64)
    bad = (labels < 1).any(1) | (labels[:, 4] < labels[:, 3])
    if bad.any():
        row = labels[bad][0].tolist()
        raise ConfigError(
            f"{file}: {row} is no experiment, user, activity, first and last step; {FETCH}"
        )
    return labels


def _recording(file: Path, labels: Int64[np.ndarray, "L 5"]) -> Recording:
    """Read one experiment; `labels` are those of all experiments."""
    named = re.fullmatch(r"acc_exp(\d+)_user(\d+)\.txt", file.name)
    if not named:
        raise ConfigError(f"{file} is none of the names acc_exp01_user01.txt; {FETCH}")
    experiment, user = map(int, named.groups())
    parts = [_numbers(file.with_name(file.name.replace("acc", s, 1)), 3) for s in ("acc", "gyro")]
    if len(parts[0]) != len(parts[1]):
        raise ConfigError(f"{file} has {len(parts[0])} steps, its gyro file {len(parts[1])}")
    label = torch.full((len(parts[0]),), -1)
    for _, _, activity, first, last in labels[(labels[:, :2] == [experiment, user]).all(1)]:
        if activity <= len(CLASSES):  # the rest are transitions
            label[first - 1 : last] = int(activity) - 1  # the file counts steps from 1
    value = torch.from_numpy(np.concatenate(parts, 1))
    return Recording(value, label, str(user), f"{user}-{experiment}")


def _numbers(file: Path, columns: int) -> np.ndarray:
    """Read a text file of numbers and check the number of its columns."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an empty file is only warned of
            read = np.loadtxt(file, dtype=np.float32, ndmin=2)
    except (OSError, ValueError, UserWarning) as error:
        raise ConfigError(f"{file} cannot be read ({error_text(error)}); {FETCH}") from error
    if not np.isfinite(read).all():
        raise ConfigError(f"{file} holds something other than finite numbers; {FETCH}")
    if read.shape[1] != columns:
        raise ConfigError(f"{file} has {read.shape[1]} columns, expected {columns}; {FETCH}")
    return read
