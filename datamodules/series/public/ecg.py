"""MIT-BIH Atrial Fibrillation Database: records of ten hours of two-lead ECG, as published.

Moody, Mark: "A new method for detecting atrial fibrillation using R-R intervals", Computers in
Cardiology 10, 1983. PhysioNet, afdb 1.0.0.

Deviations from the REBAR code: it shuffles the records from the order of the file system and labels
a window by its majority; here records are sorted, and `min_purity` decides. Flutter and junctional
rhythm (less than 0.2 %) have no label, nor do the steps before the first annotation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import butter, filtfilt, sosfiltfilt

from manyviews.datamodules.places import place_of
from manyviews.datamodules.series.readers.wfdb import read_record
from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import windowed
from manyviews.errors import ConfigError

CLASSES = "AFIB", "N"
RATE, MAINS = 250.0, 50  # Hz
FEWEST = 100  # steps that the filters need
FETCH = (
    "fetch afdb 1.0.0 from https://physionet.org/content/afdb/1.0.0/, unpack it, and type "
    "data.root=FOLDER where 04015.hea, 04015.dat, 04015.atr and so on lie"
)


@windowed(window="10s")
def ecg(root: str) -> Recordings:
    """Return 23 records, one per person: two leads at 250 Hz, atrial fibrillation or not.

    They take about 7 GB of memory. Every lead of a record is standardised by itself, before the
    windows are normalised.

    Args:
        root: folder of the records.

    Raises:
        ConfigError: the files are missing or incomplete.
    """
    folder = place_of("ecg", root, "*.dat", FETCH)
    files = sorted(folder.glob("*.dat"))  # two records have annotations, but no signals
    return join(
        [_recording(file) for file in files],
        rate=RATE,
        channels=("lead 1", "lead 2"),
        classes=CLASSES,
    )


def _recording(file: Path) -> Recording:
    """Read and clean one record."""
    record = read_record(file.with_suffix(".hea"))
    if record.rate != RATE:
        raise ConfigError(f"{file}: {record.rate:g} Hz, afdb has {RATE:g}; {FETCH}")
    if len(record.value) < FEWEST or np.isnan(record.value).all(0).any():
        raise ConfigError(f"{file}: a lead of {len(record.value)} steps has no signal; {FETCH}")
    value = np.stack([clean(lead) for lead in record.value.T], 1)
    label = torch.from_numpy(label_steps(record.rhythm, len(value)))
    return Recording(torch.from_numpy(value), label, file.stem, file.stem)


def label_steps(rhythm: list[tuple[int, str]], steps: int) -> Int64[np.ndarray, " {steps}"]:
    """Return the class of every step; a rhythm lasts until the next one begins."""
    label = np.full(steps, -1, dtype=np.int64)
    ends = [begin for begin, _ in rhythm[1:]] + [steps]
    for (begin, name), end in zip(rhythm, ends, strict=True):
        label[begin:end] = CLASSES.index(name) if name in CLASSES else -1
    return label


def clean(lead: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Remove drift below 0.5 Hz and the hum of the mains; scale to mean 0 and deviation 1.

    The filters are a Butterworth high-pass of order 5 and a moving average over one period of the
    mains, each applied forward and backward. Missing samples take the mean.
    """
    known = np.where(np.isnan(lead), np.nanmean(lead), lead).astype(np.float64)
    slow = butter(5, 0.5, btype="highpass", fs=RATE, output="sos")
    # Averaging over exactly one period cancels the hum and its harmonics.
    period = np.ones(int(RATE / MAINS))
    still = filtfilt(period / len(period), [1], sosfiltfilt(slow, known))
    return ((still - still.mean()) / (still.std() or 1)).astype(np.float32)
