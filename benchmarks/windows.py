"""Windows of competitors that alternate in one process tree, and the ratios between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import numpy as np

Work = Callable[[], object]
Clock = Callable[[], float]
RESAMPLES = 2000


class Ratio(NamedTuple):
    """Median of paired ratios with its 95 % bootstrap interval.

    Attributes:
        value: the median.
        low: lower end.
        high: upper end.
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
    """Seconds per call in each window, by side: A B A B ..., after one call of each to warm up.

    Args:
        sides: what to call.
        windows: of each side.
        span: seconds that a window takes at least; short work is repeated.
        clock: of the process's CPU time, or `time.perf_counter` where other processes work too.
    """
    for work in sides.values():
        work()
    calls = {name: _calls(work, span, clock) for name, work in sides.items()}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(windows):
        for name, work in sides.items():
            found[name].append(_seconds(work, calls[name], clock) / calls[name])
    return found


def _calls(work: Work, span: float, clock: Clock) -> int:
    return max(1, round(span / max(_seconds(work, 1, clock), 1e-6)))


def _seconds(work: Work, calls: int, clock: Clock) -> float:
    began = clock()
    for _ in range(calls):
        work()
    return clock() - began


def ratio(first: list[float], second: list[float]) -> Ratio:
    """How many times longer the first takes than the second, from windows beside each other."""
    return interval(np.divide(first, second))


def interval(values: np.ndarray) -> Ratio:
    """Median and 95 % bootstrap interval of paired figures."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.median(values[drawn], axis=1), [0.025, 0.975])
    return Ratio(float(np.median(values)), float(low), float(high))


def drift(seconds: list[float]) -> float:
    """By how much the halves of a side's windows differ, as a share: is the machine quiet?"""
    half = len(seconds) // 2
    if not half:
        return 0.0
    first, second = median(seconds[:half]), median(seconds[-half:])
    return abs(second - first) / min(first, second)
