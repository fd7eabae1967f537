"""The difference between two settings over the seeds that both were trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import mean, stdev
from typing import NamedTuple

from scipy.special import stdtrit  # quantiles of Student's t

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
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * stdev(shared) / math.sqrt(n)
    return Difference(value, value - half, value + half, n)
