"""The report's section on Hydra's gate: the open share of dimensions for each pair of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Gates(NamedTuple):
    """The mean open share of each pair of classes.

    Attributes:
        names: names of the classes that are shown, the first ones.
        shares: a row and a column per shown class, values from 0 (closed) to 1 (open).
        classes: number of classes that the gate knows.
    """

    names: list[str]
    shares: list[list[float]]
    classes: int


def gates(gallery: Mapping[str, np.ndarray]) -> Gates | None:
    """Return the section, or None if the run's method has no gates."""
    if "gates" not in gallery:
        return None
    names, shares = gallery["gate_classes"].tolist(), gallery["gates"].tolist()
    return Gates(names[: len(shares)], shares, len(names))
