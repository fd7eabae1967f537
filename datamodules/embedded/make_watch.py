"""Make watch.npz from the wheel of seglearn 1.2.5.

    python -m pip download --no-deps seglearn==1.2.5
    python -m manyviews.datamodules.embedded.make_watch seglearn-1.2.5-py3-none-any.whl

The wheel holds 140 recordings of a smart-watch (10 subjects, 7 shoulder exercises, 2 sides) as a
pickled array. A pickle can run code, so its checksum is verified before it is read. The values are
stored as int16 thousandths, and of these the differences in time, which compress well.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from manyviews.datamodules.embedded.make_fashion_mnist_mini import write

MEMBER = "seglearn/data/watch_dataset.npy"
PICKLE = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
VALUES = "1abceb084d1df3859bc2bd7802c06d34ec448dc98a0e27ddc5dc3e2837a23a45"
PER_UNIT = 1000


def differences(value: Int16[np.ndarray, "S C"]) -> Int16[np.ndarray, "C S"]:
    """Return every step minus the one before, channel after channel."""
    return np.diff(value.T, axis=1, prepend=np.int16(0))


def main(wheel: str) -> None:
    """Write the file into the folder of this script."""
    raw = zipfile.ZipFile(wheel).read(MEMBER)
    if hashlib.sha256(raw).hexdigest() != PICKLE:
        raise SystemExit(f"{wheel}: {MEMBER} is not the file of seglearn 1.2.5")
    held = np.load(io.BytesIO(raw), allow_pickle=True).item()
    value = np.round(PER_UNIT * np.concatenate(held["X"])).astype("<i2")
    if hashlib.sha256(value.tobytes()).hexdigest() != VALUES:
        raise SystemExit(f"{wheel}: the values came out differently")
    arrays = {
        "difference": differences(value),
        "length": np.array([len(x) for x in held["X"]], dtype=np.int32),
        "exercise": held["y"].astype(np.uint8),
        "subject": held["subject"].astype(np.uint8),
        "right": held["side"].astype(np.uint8),
    }
    write(Path(__file__).with_name("watch.npz"), arrays)


if __name__ == "__main__":
    main(sys.argv[1])
