"""MIT-BIH Atrial Fibrillation Database: ten hours of two-lead ECG each, read as it was published.

Moody, Mark: "A new method for detecting atrial fibrillation using R-R intervals", Computers in
Cardiology 10, 1983. PhysioNet, afdb 1.0.0.

The REBAR code lists the records in the order of the file system before it shuffles them, and labels
a window by its majority; here records are sorted, and `min_purity` decides. Flutter and junctional
rhythm (less than 0.2 %) are unknown, as is what precedes the first annotation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import butter, filtfilt, sosfiltfilt

from manyviews.datamodules.images.public import held
from manyviews.datamodules.series.holding_out import By, Test
from manyviews.datamodules.series.readers.wfdb import read_record
from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.splits import Norm, SeriesSplits, split
from manyviews.errors import ConfigError

CLASSES = "AFIB", "N"
RATE, MAINS = 250.0, 50  # Hz
FETCH = (
    "fetch afdb 1.0.0 from https://physionet.org/content/afdb/1.0.0/, unpack it, and type "
    "data.root=FOLDER where 04015.hea, 04015.dat, 04015.atr and so on lie"
)


def ecg(
    root: str,
    window: int | str = "10s",
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By = "subject",
    test: Test = 0.2,
    norm: Norm = "train",
) -> SeriesSplits:
    """23 people, two leads at 250 Hz, atrial fibrillation against all else: about 7 GB of memory.

    Args:
        root: folder of the records.
        window: see `split`, as the rest.
        stride: steps, a duration, or null.
        min_purity: share of a window's steps that must have one class.
        by: what the splits do not share; a record is a subject.
        test: names or a share.
        norm: train or none; every lead of a record is brought to mean 0, deviation 1 before.

    Raises:
        ConfigError: the files are not there, or not complete.
    """
    files = sorted(Path(root).glob("*.dat"))  # two records have annotations, but no signals
    if not files:
        raise ConfigError(f"data.root={root} {held(Path(root))}, no records of afdb; {FETCH}")
    recordings = join(
        [_recording(file) for file in files],
        rate=RATE,
        channels=("lead 1", "lead 2"),
        classes=CLASSES,
    )
    return split(
        recordings,
        "ecg",
        window=window,
        stride=stride,
        min_purity=min_purity,
        by=by,
        test=test,
        norm=norm,
    )


def _recording(file: Path) -> Recording:
    record = read_record(file.with_suffix(".hea"))
    if record.rate != RATE:
        raise ConfigError(f"{file}: {record.rate:g} Hz, afdb has {RATE:g}; {FETCH}")
    value = np.stack([clean(lead) for lead in record.value.T], 1)
    label = torch.from_numpy(label_steps(record.rhythm, len(value)))
    return Recording(torch.from_numpy(value), label, file.stem, file.stem)


def label_steps(rhythm: list[tuple[int, str]], steps: int) -> Int64[np.ndarray, " {steps}"]:
    """The class at every step; a rhythm lasts until the next one."""
    label = np.full(steps, -1, dtype=np.int64)
    ends = [begin for begin, _ in rhythm[1:]] + [steps]
    for (begin, name), end in zip(rhythm, ends, strict=True):
        label[begin:end] = CLASSES.index(name) if name in CLASSES else -1
    return label


def clean(lead: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Without what is slower than 0.5 Hz and without the mains, mean 0 and deviation 1.

    A Butterworth high-pass of order 5 and a mean over one period of the mains, both forward and
    backward. Missing samples take the mean.
    """
    known = np.where(np.isnan(lead), np.nanmean(lead), lead).astype(np.float64)
    slow = butter(5, 0.5, btype="highpass", fs=RATE, output="sos")
    period = np.ones(int(RATE / MAINS))
    still = filtfilt(period / len(period), [1], sosfiltfilt(slow, known))
    return ((still - still.mean()) / (still.std() or 1)).astype(np.float32)
