"""Curves of a run for the page: few points, packed into two bytes for each step and value."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from manyviews.runs.curves import thinned
from manyviews.runs.files import METRICS, read_records

MOST = 65535  # largest number of two bytes
WIDE = 30  # values whose largest is so many times the smallest are packed on a logarithmic scale
SPEED = "train/throughput/images_per_s"
Points = Sequence[tuple[int, float]]


class Curves(NamedTuple):
    """The curves that metrics.jsonl of a run holds.

    Attributes:
        points: by metric, at most 200 pairs of step and value; only finite values.
        not_finite: by metric, the first step at which it was NaN or infinite.
        seconds: pairs of step and seconds of training until then; none if the speed is not known.
    """

    points: Mapping[str, Points]
    not_finite: dict[str, int]
    seconds: Points


def read(run: Path, images_per_step: int | None) -> Curves:
    """Return the curves of a run; a file that did not change since is not read again.

    Args:
        run: a run folder.
        images_per_step: batch of all processes together; None if it is not known.
    """
    file = run / METRICS
    try:
        found = file.stat()
    except OSError:
        return Curves({}, {}, [])
    return _read(run, images_per_step, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=2048)
def _read(run: Path, images_per_step: int | None, changed: int, size: int) -> Curves:
    points: dict[str, list[tuple[int, float]]] = {}
    not_finite: dict[str, int] = {}
    for step, name, value in _values(run / METRICS):
        if math.isfinite(value):
            points.setdefault(name, []).append((step, value))
        else:
            not_finite.setdefault(name, step)
    seconds = _seconds(points.get(SPEED, []), images_per_step)
    few = {name: thinned(sorted(line)) for name, line in points.items()}
    return Curves(few, not_finite, thinned(seconds))


def _values(file: Path) -> Iterator[tuple[int, str, float]]:
    """Yield step, metric and value of every number in a metrics.jsonl."""
    for record in read_records(file):
        step = record.pop("step", None)
        if isinstance(step, int):
            for name, value in record.items():
                if name != "epoch" and isinstance(value, int | float):
                    yield step, name, float(value)


def _seconds(speed: Points, images_per_step: int | None) -> list[tuple[int, float]]:
    """Return pairs of step and time: each record tells the speed since the record before."""
    if not images_per_step:
        return []
    found, total, before = [], 0.0, 0
    for step, images_per_s in sorted(speed):
        if images_per_s > 0:
            total += (step - before) * images_per_step / images_per_s
            found.append((step, total))
            before = step
    return found


def packed(points: Points) -> dict[str, Any]:
    """Return a curve in few characters.

    Returns:
        `first` (step), `unit` (steps per count), `low` and `high` (values), `log` (whether the
        values are on a logarithmic scale) and `bytes`: base64 of two bytes per step, the count of
        units since the step before, then two bytes per value, its place between low and high.
    """
    steps, values = (np.array(part) for part in zip(*points, strict=True))
    gaps = np.diff(steps, prepend=steps[0])
    unit = max(int(np.gcd.reduce(gaps)), math.ceil(int(gaps.max()) / MOST), 1)
    counts = np.diff(np.round((steps - steps[0]) / unit), prepend=0)
    low, high = float(values.min()), float(values.max())
    log = low > 0 and high > WIDE * low
    ends = np.log([low, high]) if log else np.array([low, high])
    scaled = (np.log(values) if log else values) - ends[0]
    places = np.round(scaled / max(ends[1] - ends[0], 1e-300) * MOST)
    data = np.concatenate([counts, places]).astype("<u2").tobytes()
    head: Mapping[str, Any] = {"first": int(steps[0]), "unit": unit, "low": low, "high": high}
    return {**head, "log": log, "bytes": base64.b64encode(data).decode()}
