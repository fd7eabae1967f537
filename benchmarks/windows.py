"""Timed windows of two or more sides that alternate, and the ratios between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np

Work = Callable[[], object]
Clock = Callable[[], float]
Result = TypeVar("Result")
RESAMPLES = 2000


class Ratio(NamedTuple):
    """The median of paired figures with its 95 % bootstrap interval.

    Attributes:
        value: the median.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float


def alternate(
    sides: Mapping[str, Work],
    *,
    windows: int,
    span: float = 0.05,
    clock: Clock = time.process_time,
) -> dict[str, list[float]]:
    """Time the sides in turn (A B A B ...), and return seconds per call in each window, by side.

    Every side is called once before, to warm up.

    Args:
        sides: functions to call, by name.
        windows: number of timed windows of each side.
        span: shortest duration of a window in seconds; short work is repeated.
        clock: `time.process_time`, or `time.perf_counter` if other processes do part of the work.
    """
    for work in sides.values():
        work()
    # Short work is called many times per window, or the clock would not resolve it.
    calls = {name: _calls(work, span, clock) for name, work in sides.items()}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(windows):
        for name, work in sides.items():
            found[name].append(_seconds(work, calls[name], clock) / calls[name])
    return found


def in_turn(
    sides: Mapping[str, Callable[[], Result]], *, windows: int, clock: Clock = time.process_time
) -> tuple[dict[str, list[float]], dict[str, Result]]:
    """Time long work in turn, one call per window and none to warm up.

    Args:
        sides: functions to call, by name.
        windows: number of timed windows of each side.
        clock: as for `alternate`.

    Returns:
        Seconds of each call by side, and what each side returned last.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results: dict[str, Result] = {}
    for _ in range(windows):
        for name, work in sides.items():
            began = clock()
            results[name] = work()
            seconds[name].append(clock() - began)
    return seconds, results


def _calls(work: Work, span: float, clock: Clock) -> int:
    return max(1, round(span / max(_seconds(work, 1, clock), 1e-6)))


def _seconds(work: Work, calls: int, clock: Clock) -> float:
    began = clock()
    for _ in range(calls):
        work()
    return clock() - began


def ratio(first: list[float], second: list[float]) -> Ratio:
    """Return how many times longer the first takes than the second, from paired windows."""
    return interval(np.divide(first, second))


def interval(values: np.ndarray) -> Ratio:
    """Return the median and 95 % bootstrap interval of paired figures."""
    # Windows are drawn with replacement; the seed makes the interval reproducible.
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.median(values[drawn], axis=1), [0.025, 0.975])
    return Ratio(float(np.median(values)), float(low), float(high))


def drift(seconds: list[float]) -> float:
    """Return the relative difference between both halves of a side's windows.

    It is large if the machine was busy with other work.
    """
    half = len(seconds) // 2
    if not half:
        return 0.0
    first, second = median(seconds[:half]), median(seconds[-half:])
    return abs(second - first) / min(first, second)
