"""Smart-watch recordings of shoulder exercises, embedded in the package.

Burns, Leung, Hardisty, Whyne, Henry, McLachlin: "Shoulder physiotherapy exercise recognition:
machine learning the inertial signals from a smartwatch", 2018, arXiv 1802.01489.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch

from manyviews.datamodules.series.holding_out import By, Test
from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import Norm, SeriesSplits, split

CLASSES = "PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"
CHANNELS = "ax", "ay", "az", "wx", "wy", "wz"  # acceleration in g, rotation in rad/s
RATE, PER_UNIT = 50.0, 1000


def watch(
    window: int | str = "2.56s",
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By = "subject",
    test: Test = ["8", "9", "10"],  # noqa: B006, never changed
    norm: Norm = "train",
) -> SeriesSplits:
    """10 subjects, 7 exercises, 6 channels at 50 Hz: 81 minutes in 140 recordings.

    Args:
        window: see `split`, as the rest; 2.56 s give 1,250 windows of the subjects 1 to 7 and 583
            of 8 to 10.
        stride: steps, a duration, or null.
        min_purity: every recording is of one class.
        by: subject, recording, leave-one-subject-out or window.
        test: subjects, recordings or a share.
        norm: train or none.
    """
    return split(
        watch_recordings(),
        "watch",
        window=window,
        stride=stride,
        min_purity=min_purity,
        by=by,
        test=test,
        norm=norm,
    )


def watch_recordings() -> Recordings:
    """All of them, subject after subject."""
    file = resources.files("manyviews.datamodules.embedded") / "watch.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        step = arrays["difference"]
        length, exercise, subject, right = (
            arrays[name].tolist() for name in ("length", "exercise", "subject", "right")
        )
    thousandths = torch.from_numpy(step.cumsum(1, dtype=np.int16).T)
    parts = (thousandths.double() / PER_UNIT).float().split(length)
    recordings = [
        Recording(
            parts[r],
            torch.full((length[r],), exercise[r]),
            str(subject[r]),
            f"{subject[r]}-{CLASSES[exercise[r]]}-{'right' if right[r] else 'left'}",
        )
        for r in sorted(range(len(length)), key=lambda r: subject[r])
    ]
    return join(recordings, rate=RATE, channels=CHANNELS, classes=CLASSES)
