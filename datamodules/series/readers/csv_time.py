"""The column `t` of a table: its order, its gaps, and the sampling rate that it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int

from manyviews.errors import ConfigError

GAP = 1.5  # a step of t larger than this many median steps is a gap
SAME = 0.05  # rates that differ by less are the same: clocks are not exact
UNITS = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}  # of which a second has ...

Times = Mapping[tuple[str, str], Float64[np.ndarray, " _"]]
"""t of each recording, by subject and name."""


def check_order(
    path: Path, name: str, time: Float64[np.ndarray, " S"], line: Int[np.ndarray, " S"]
) -> None:
    """Raise unless time grows from row to row, without gaps.

    Args:
        path: the file.
        name: name of the recording.
        time: its times.
        line: number of the line of each row.
    """
    with np.errstate(over="ignore"):
        step = np.diff(time)
    if not (np.isfinite(time).all() and (step > 0).all()):  # NaN is no time either
        row = line[min(1 + int(np.argmin(step > 0)), len(line) - 1)] if len(step) else line[0]
        raise ConfigError(
            f"{path}: recording {name!r}: t does not increase at row {row}; sort by t"
        )
    if len(step) and step.max() > GAP * np.median(step):
        at = int(step.argmax())
        raise ConfigError(
            f"{path}: recording {name!r}: t jumps from {time[at]:g} to {time[at + 1]:g}, usually "
            f"by {np.median(step):g}; give the part after the gap another recording name"
        )


def rate_of(path: Path, times: Times, typed: float | None) -> tuple[float | None, tuple[str, ...]]:
    """Return the sampling rate in Hz, and a sentence if it was taken from t or t is no time in s.

    Args:
        path: the file.
        times: t of each recording, in order and without gaps.
        typed: `data.rate`; None: as t says.

    Raises:
        ConfigError: t does not agree with the typed rate, or with itself.
    """
    with np.errstate(over="ignore"):
        step = {key: float(np.median(np.diff(t))) for key, t in times.items() if len(t) > 1}
    if not step:
        return typed, ()
    usual = float(np.median([*step.values()]))
    if odd := [key for key in step if not _same(step[key], usual)]:
        raise ConfigError(
            f"{path}: t of recording {odd[0][1]!r} grows by {step[odd[0]]:g} a step, elsewhere by "
            f"{usual:g} ({len(odd)} of {len(step)} recordings differ); resample to one rate"
        )
    said = float(f"{1 / usual:.6g}")
    if typed is None:
        return said, (f"{path.name}: t grows by {usual:g} s a step, so data.rate={said:g}",)
    if not 0 < typed < float("inf") or _same(said, typed):
        return typed, ()  # a rate without sense is told by whoever typed it
    if unit := next((unit for per, unit in UNITS.items() if _same(usual * typed, per)), None):
        return typed, (f"{path.name}: t is in {unit}, as data.rate={typed:g} says",)
    if usual == 1:
        return typed, (f"{path.name}: t counts steps, {typed:g} of them a second (data.rate)",)
    raise ConfigError(
        f"{path}: t grows by {usual:g} a step, which is {said:g} Hz, but data.rate={typed:g}; "
        "leave data.rate out if t is in seconds, or correct t"
    )


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * b
