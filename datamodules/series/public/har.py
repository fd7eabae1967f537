"""HAPT: recordings of everyday movement by a phone at the waist, read as they were published.

Reyes-Ortiz, Oneto, Samà, Parra, Anguita: "Transition-aware human activity recognition using
smartphones", Neurocomputing 171, 2016. UCI Machine Learning Repository, number 341.

The REBAR code cuts all recordings to the length of the third shortest, drops the two shorter ones
and splits recordings, so that a person is in both splits; here recordings keep their length and
splits share no person (`by=recording` lifts that).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from manyviews.datamodules.images.public import held
from manyviews.datamodules.series.holding_out import By, Test
from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.splits import Norm, SeriesSplits, split
from manyviews.errors import ConfigError

CLASSES = "walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying"
CHANNELS = "ax", "ay", "az", "wx", "wy", "wz"  # acceleration in g, rotation in rad/s
RATE = 50.0
FETCH = (
    'fetch "Smartphone-Based Recognition of Human Activities and Postural Transitions" from '
    "https://archive.ics.uci.edu/dataset/341, unpack it, and type data.root=FOLDER where "
    "FOLDER/RawData holds labels.txt, acc_exp01_user01.txt, gyro_exp01_user01.txt and so on"
)


def har(
    root: str,
    window: int | str = "2.56s",
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By = "subject",
    test: Test = 0.2,
    norm: Norm = "train",
) -> SeriesSplits:
    """61 recordings of 30 people, 6 channels at 50 Hz, 6 activities; transitions are unknown.

    Args:
        root: folder of the unpacked archive.
        window: see `split`, as the rest.
        stride: steps, a duration, or null.
        min_purity: share of a window's steps that must have one class.
        by: what the splits do not share.
        test: names or a share.
        norm: train or none.

    Raises:
        ConfigError: the files are not there, or not complete.
    """
    folder = Path(root) / "RawData"
    files = sorted(folder.glob("acc_exp*_user*.txt"))
    if not files:
        raise ConfigError(f"data.root={root} {held(Path(root))}, no recordings of HAPT; {FETCH}")
    labels = _numbers(folder / "labels.txt", 5).astype(int)
    recordings = join(
        [_recording(file, labels) for file in files], rate=RATE, channels=CHANNELS, classes=CLASSES
    )
    return split(
        recordings,
        "har",
        window=window,
        stride=stride,
        min_purity=min_purity,
        by=by,
        test=test,
        norm=norm,
    )


def _recording(file: Path, labels: np.ndarray) -> Recording:
    """One experiment; a row of `labels` is experiment, user, activity, first and last step."""
    experiment, user = map(int, re.findall(r"\d+", file.name))
    parts = [_numbers(file.with_name(file.name.replace("acc", s, 1)), 3) for s in ("acc", "gyro")]
    if len(parts[0]) != len(parts[1]):
        raise ConfigError(f"{file} has {len(parts[0])} steps, its gyro file {len(parts[1])}")
    label = torch.full((len(parts[0]),), -1)
    for _, _, activity, first, last in labels[(labels[:, :2] == [experiment, user]).all(1)]:
        if activity <= len(CLASSES):
            label[first - 1 : last] = int(activity) - 1  # the file counts steps from 1
    value = torch.from_numpy(np.concatenate(parts, 1))
    return Recording(value, label, str(user), f"{user}-{experiment}")


def _numbers(file: Path, columns: int) -> np.ndarray:
    try:
        read = np.loadtxt(file, dtype=np.float32, ndmin=2)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read ({error}); {FETCH}") from error
    if read.shape[1] != columns:
        raise ConfigError(f"{file} has {read.shape[1]} columns, expected {columns}; {FETCH}")
    return read
