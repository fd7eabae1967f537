"""Which share of the dimensions Hydra's gate opens for each pair of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Gates(NamedTuple):
    """A square of shares, 0 to 1.

    Attributes:
        names: of the classes.
        shares: a row per class, a column per class.
        classes: how many the gate knows; the first are shown.
    """

    names: list[str]
    shares: list[list[float]]
    classes: int


def gates(gallery: Mapping[str, np.ndarray]) -> Gates | None:
    """Those of a run whose method has gates."""
    if "gates" not in gallery:
        return None
    names, shares = gallery["gate_classes"].tolist(), gallery["gates"].tolist()
    return Gates(names[: len(shares)], shares, len(names))
