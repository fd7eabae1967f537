"""The difference between two settings over the seeds that both were trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import mean, stdev
from typing import NamedTuple

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """The score of a setting minus that of another one.

    Attributes:
        value: the mean difference over the seeds that both have; of the means, if there are none.
        low: lower end of its 95 % interval; None if they share fewer than two seeds.
        high: upper end likewise.
        seeds: number of seeds that both have.
    """

    value: float
    low: float | None
    high: float | None
    seeds: int


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """Return the scores of a setting minus those of another one, with Student's t interval.

    It is None if they share no seed.

    Runs of one seed share the order of the samples and their views, so that part of the chance is
    in both and cancels.

    Args:
        first: score of each seed of the one setting.
        second: score of each seed of the other one.
    """
    shared = [first[seed] - second[seed] for seed in first if seed in second]
    if not shared:
        return None
    value, n = mean(shared), len(shared)
    if n < 2:
        return Difference(value, None, None, n)
    half = t_quantile(n - 1) * stdev(shared) / math.sqrt(n)
    return Difference(value, value - half, value + half, n)


def t_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Return the t for which a share of Student's distribution lies between -t and t.

    Args:
        freedom: degrees of freedom, at least 1.
        confidence: the share.
    """
    low, high = 0.0, math.pi / 2  # the angle atan(t / sqrt(freedom))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _share(middle, freedom) < confidence else (low, middle)
    return math.tan(low) * math.sqrt(freedom)


def _share(angle: float, freedom: int) -> float:
    """Return the share between -t and t: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    odd, cosine = freedom % 2 == 1, math.cos(angle)
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for power in range(1 if odd else 0, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    inner = math.sin(angle) * total
    return 2 / math.pi * (angle + inner) if odd else inner
