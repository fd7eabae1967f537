"""Numbers as text, and their conversion to float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from manyviews.datamodules.label_text import UNKNOWN
from manyviews.errors import ConfigError

ROUNDED = 1e-3  # share of a channel's deviation; more is told


def parse(cells: Sequence[str], missing: Sequence[str] = UNKNOWN) -> Float64[np.ndarray, " N"]:
    """Return numbers that are written as text, NaN if missing.

    Args:
        cells: numbers as text.
        missing: texts in lower case that stand for a missing value.

    Raises:
        ValueError: a cell is no number.
    """
    if odd := next((cell for cell in cells if "_" in cell), None):
        raise ValueError(f"could not convert string to float: {odd!r}")  # Python reads 1_0 as 10
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        known = ["nan" if cell.strip().lower() in missing else cell for cell in cells]
        return np.array(known, dtype=np.float64)


def to_float32(
    value: Shaped[np.ndarray, "S C"], channels: Sequence[str], where: str
) -> tuple[Float32[np.ndarray, "S C"], tuple[str, ...]]:
    """Return values as float32, and a sentence for each channel that loses more than noise.

    Args:
        value: real numbers.
        channels: names of the channels.
        where: file, for messages.

    Raises:
        ConfigError: a value is too large.
    """
    with np.errstate(over="ignore"):  # told below
        single = value.astype(np.float32)
    if value.dtype.itemsize <= 2 or value.dtype == np.float32:  # float32 holds these exactly
        return single, ()
    notes = []
    for c, name in enumerate(channels):
        finite = np.isfinite(value[:, c])
        known, read = value[finite, c], single[finite, c]
        if (large := np.isinf(read)).any():
            raise ConfigError(
                f"{where}: channel {name!r} holds {float(known[large][0]):g}, and float32 ends at "
                "3.4e38; use another unit"
            )
        lost = float(np.abs(known.astype(np.float64) - read).max(initial=0.0))
        if not len(known) or known.min() == known.max():
            continue  # a constant channel has no signal to lose
        spread = float((known - known.mean()).std())
        if lost > ROUNDED * spread:
            notes.append(
                f"{where}: channel {name!r} is rounded to float32 by up to {lost:g}, and its "
                f"deviation is {spread:g}; subtract its mean before you save it"
            )
    return single, tuple(notes)
