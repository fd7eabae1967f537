"""How the metrics of a run went while it trained, with few points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from manyviews.runs.files import METRICS, read_records

PREFIXES = ("online/", "train/loss")  # of the metrics that are shown; parts of the loss are not
MOST = 200  # points of a curve


class Curve(NamedTuple):
    """Values of a metric over the steps of the optimizer."""

    step: Sequence[int]
    value: Sequence[float]


def is_shown(metric: str) -> bool:
    """Return True for the loss and the online scores, False for the parts of the loss."""
    return metric.startswith(PREFIXES) and not metric.startswith("train/loss/")


def curves(run: Path) -> dict[str, Curve]:
    """Return the loss and the online scores of a run by name, each of at most 200 points.

    Args:
        run: a run folder.
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for record in read_records(run / METRICS):
        for name, value in record.items():
            if is_shown(name) and "step" in record and math.isfinite(value):
                found.setdefault(name, []).append((int(record["step"]), float(value)))
    return {
        name: Curve(*([*part] for part in zip(*thinned(points), strict=True)))
        for name, points in found.items()
    }


def thinned(points: Sequence[tuple[int, float]], most: int = MOST) -> list[tuple[int, float]]:
    """Return at most so many points: the ends, and lowest and highest of equally long pieces.

    Args:
        points: step and value, in order.
        most: at least 4.
    """
    if len(points) <= most:
        return [*points]
    pieces = (most - 2) // 2
    kept = {0, len(points) - 1}
    for i in range(pieces):
        piece = range(i * len(points) // pieces, (i + 1) * len(points) // pieces)
        kept |= {pick(piece, key=lambda row: points[row][1]) for pick in (min, max)}
    return [points[row] for row in sorted(kept)]
