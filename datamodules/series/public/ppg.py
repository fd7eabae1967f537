"""WESAD: blood volume pulse at the wrist under stress and amusement, read as it was published.

Schmidt, Reiss, Duerichen, Marberger, Van Laerhoven: "Introducing WESAD, a multimodal dataset for
wearable stress and affect detection", ICMI 2018. For scientific, not for commercial use.

The REBAR code begins windows at whole minutes of the recording, up to 60 s before their label, and
cuts all recordings to the shortest; here a label belongs to its step, and recordings keep their
length. Its cleaning has a second part, a cut of the spectrum around the heart rate in blocks of
12 s, which is left out.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.signal import butter, sosfilt

from manyviews.datamodules.images.public import held
from manyviews.datamodules.series.holding_out import By, Test, natural
from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.splits import Norm, SeriesSplits, split
from manyviews.errors import ConfigError

CLASSES = "baseline", "stress", "amusement", "meditation"  # 1 to 4 in the files
RATE, LABEL_RATE = 64, 700
BAND = 0.5, 10.0  # Hz
UNREADABLE = (
    OSError,
    pickle.UnpicklingError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
)
FETCH = (
    "fetch WESAD from https://archive.ics.uci.edu/dataset/465, unpack it, and type "
    "data.root=FOLDER where FOLDER/S2/S2.pkl, FOLDER/S3/S3.pkl and so on lie"
)


def ppg(
    root: str,
    window: int | str = "60s",
    stride: int | str | None = None,
    min_purity: float = 1.0,
    by: By = "subject",
    test: Test = 0.2,
    norm: Norm = "train",
) -> SeriesSplits:
    """15 people, one channel at 64 Hz, 4 conditions; what lies between those is unknown.

    Args:
        root: folder of the unpacked archive.
        window: see `split`, as the rest.
        stride: steps, a duration, or null.
        min_purity: share of a window's steps that must have one class.
        by: what the splits do not share.
        test: names or a share.
        norm: train or none.

    Raises:
        ConfigError: the files are not there, hold something else, or would run code.
    """
    files = sorted(Path(root).glob("S*/S*.pkl"), key=lambda file: natural(file.stem))
    if not files:
        raise ConfigError(f"data.root={root} {held(Path(root))}, no recordings of WESAD; {FETCH}")
    recordings = join(
        [_recording(file) for file in files],
        rate=float(RATE),
        channels=("bvp",),
        classes=CLASSES,
    )
    return split(
        recordings,
        "ppg",
        window=window,
        stride=stride,
        min_purity=min_purity,
        by=by,
        test=test,
        norm=norm,
    )


def _recording(file: Path) -> Recording:
    try:
        with file.open("rb") as stream:
            content = Arrays(stream, encoding="latin1").load()
        pulse = np.asarray(content["signal"]["wrist"]["BVP"], dtype=np.float64).reshape(-1)
        label = np.asarray(content["label"]).reshape(-1)
    except UNREADABLE as error:
        raise ConfigError(f"{file} is no recording of WESAD ({error}); {FETCH}") from error
    value = torch.from_numpy(clean(pulse))[:, None]
    return Recording(value, torch.from_numpy(at_pulse(label, len(pulse))), file.stem, file.stem)


class Arrays(pickle.Unpickler):
    """Reads pickles that hold numbers, names and arrays of them, and refuses all others.

    The files are Python 2 pickles, and a pickle may call whatever it names.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What an array is rebuilt with; nothing else can be named."""
        if (module.replace("numpy._core", "numpy.core"), name) not in HARMLESS:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
        return HARMLESS[module.replace("numpy._core", "numpy.core"), name]


HARMLESS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy.core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # bytes, as Python 3 writes them
}


def at_pulse(label: np.ndarray, steps: int) -> Int64[np.ndarray, " {steps}"]:
    """The class at every step of the pulse, from labels of another rate; -1 where unknown."""
    where = np.arange(steps) * LABEL_RATE // RATE
    given = label[np.minimum(where, len(label) - 1)].astype(np.int64)
    known = (where < len(label)) & (given >= 1) & (given <= len(CLASSES))
    return np.where(known, given - 1, -1)


def clean(pulse: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Band-passed by a Butterworth filter of order 2 that looks back, then a mean of 3 steps."""
    band = butter(2, BAND, btype="bandpass", fs=RATE, output="sos")
    return np.convolve(sosfilt(band, pulse), np.full(3, 1 / 3), mode="same")
