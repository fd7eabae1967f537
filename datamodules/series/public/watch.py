"""Smart-watch recordings of shoulder exercises, embedded in the package.

Burns, Leung, Hardisty, Whyne, Henry, McLachlin: "Shoulder physiotherapy exercise recognition:
machine learning the inertial signals from a smartwatch", 2018, arXiv 1802.01489.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch

from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import windowed

CLASSES = "PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"
CHANNELS = "ax", "ay", "az", "wx", "wy", "wz"  # acceleration in g, rotation in rad/s
RATE, PER_UNIT = 50.0, 1000  # Hz; the file stores thousandths


# Five people for the test, the fewest that an interval over people can rest on, and one to choose
# on; every person does all seven exercises, so that the other four show every class.
@windowed(window="2.56s", test=["6", "7", "8", "9", "10"], val=["5"])
def watch() -> Recordings:
    """Return 140 recordings (81 minutes): 10 subjects, 7 exercises, 6 channels at 50 Hz."""
    file = resources.files("manyviews.datamodules.embedded") / "watch.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        step = arrays["difference"]
        length, exercise, subject, right = (
            arrays[name].tolist() for name in ("length", "exercise", "subject", "right")
        )
    # int16 may overflow on the way: differences that wrapped when written wrap back here.
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
