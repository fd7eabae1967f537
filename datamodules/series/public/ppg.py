"""WESAD: blood volume pulse at the wrist under stress and amusement, as published.

Schmidt, Reiss, Duerichen, Marberger, Van Laerhoven: "Introducing WESAD, a multimodal dataset for
wearable stress and affect detection", ICMI 2018. For scientific, not for commercial use.

Deviations from the REBAR code: its windows begin at whole minutes of the recording, up to 60 s
before their label, and all recordings are cut to the shortest; here a label belongs to its step,
and recordings keep their length. Its cleaning has a second part, a cut of the spectrum around the
heart rate in blocks of 12 s, which is left out here.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import butter, sosfilt

from manyviews.datamodules.error_text import error_text
from manyviews.datamodules.places import place_of
from manyviews.datamodules.series.hold_out import natural_order
from manyviews.datamodules.series.recordings import Recording, Recordings, join
from manyviews.datamodules.series.splits import windowed
from manyviews.errors import ConfigError

CLASSES = "baseline", "stress", "amusement", "meditation"  # 1 to 4 in the files
RATE, LABEL_RATE = 64, 700
BAND = 0.5, 10.0  # Hz
FETCH = (
    "fetch WESAD from https://archive.ics.uci.edu/dataset/465, unpack it, and type "
    "data.root=FOLDER where FOLDER/S2/S2.pkl, FOLDER/S3/S3.pkl and so on lie"
)


@windowed(window="60s")
def ppg(root: str) -> Recordings:
    """Return the recordings of 15 people: one channel at 64 Hz, 4 conditions; the rest is -1.

    Args:
        root: folder of the unpacked archive.

    Raises:
        ConfigError: the files are missing, hold something else, or would run code.
    """
    folder = place_of("ppg", root, "S*/S*.pkl", FETCH)
    files = sorted(folder.glob("S*/S*.pkl"), key=lambda file: natural_order(file.stem))
    return join(
        [_recording(file) for file in files],
        rate=float(RATE),
        channels=("bvp",),
        classes=CLASSES,
    )


def _recording(file: Path) -> Recording:
    """Read and clean the pulse of one person."""
    try:
        with file.open("rb") as stream:
            content = Arrays(stream, encoding="latin1").load()
        pulse = np.asarray(content["signal"]["wrist"]["BVP"], dtype=np.float64).reshape(-1)
        label = np.asarray(content["label"]).reshape(-1)
        if not (len(pulse) and len(label) and label.dtype.kind in "iu"):
            raise ValueError(f"{len(pulse)} values and {len(label)} {label.dtype} labels")
        if not np.isfinite(pulse).all():
            raise ValueError("its pulse holds something other than finite numbers")
    except Exception as error:  # pickle and numpy raise many kinds on damaged files
        raise ConfigError(
            f"{file} is no recording of WESAD ({error_text(error)}); {FETCH}"
        ) from error
    value = torch.from_numpy(clean(pulse))[:, None]
    return Recording(value, torch.from_numpy(at_pulse(label, len(pulse))), file.stem, file.stem)


class Arrays(pickle.Unpickler):
    """An unpickler for numbers, strings and arrays of them; it refuses everything else.

    The files are Python 2 pickles, and a pickle can call any function that it names.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return a function that rebuilds arrays; raise for any other name."""
        if (module.replace("numpy._core", "numpy.core"), name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
        return HARMLESS[module.replace("numpy._core", "numpy.core"), name]


# What the pickles of arrays and numbers call, by module and name.
HARMLESS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy.core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # bytes, as Python 3 writes them
}


def at_pulse(label: np.ndarray, steps: int) -> Int64[np.ndarray, " {steps}"]:
    """Return the class of every step of the pulse, -1 if unknown; labels come at another rate."""
    where = np.arange(steps) * LABEL_RATE // RATE
    given = label[np.minimum(where, len(label) - 1)].astype(np.int64)
    known = (where < len(label)) & (given >= 1) & (given <= len(CLASSES))
    return np.where(known, given - 1, -1)


def clean(pulse: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Apply a causal Butterworth band-pass of order 2, then a moving average of 3 steps."""
    band = butter(2, BAND, btype="bandpass", fs=RATE, output="sos")
    return np.convolve(sosfilt(band, pulse), np.full(3, 1 / 3), mode="same")
