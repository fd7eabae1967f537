"""Confidence intervals by the percentile bootstrap over test items or groups of them (Efron 1979).

Items of one group (a person, a patient, a video) resemble each other. An interval that shall hold
for other groups draws whole groups; with fewer than `FEWEST_GROUPS` of them it means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy import stats
from torch import Tensor

PIECE = 2**22  # float64 numbers in one piece of resamples: 32 MB
FEWEST_GROUPS = 5  # test groups below which nothing is said about other groups
FEW_VALUES = 50  # distinct values of a score per item, such as 0 and 1
RARE = 10  # with fewer right, or fewer wrong, items than these, Wilson's interval is taken


class Interval(NamedTuple):
    """A value with its confidence interval from `low` to `high`."""

    value: float
    low: float
    high: float

    def within(self, lowest: float, highest: float) -> Interval:
        """Return the interval cut to the values that are possible."""
        return Interval(self.value, max(self.low, lowest), min(self.high, highest))


def bootstrap(
    score: Float[Tensor, " N"], *, draws: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Return the mean of per-item scores with its percentile interval.

    Args:
        score: one score per item, for example 1.0 if it was predicted correctly, else 0.0.
        draws: number of resamples.
        confidence: share of the resamples whose mean lies in the interval.
        seed: the same seed gives the same interval.
    """
    score = score.double()
    values, counts = np.unique(score.numpy(), return_counts=True)
    if len(values) <= FEW_VALUES:
        # How often each value is drawn has a multinomial distribution, so no item needs drawing.
        random = np.random.default_rng(seed)
        drawn = random.multinomial(len(score), counts / counts.sum(), size=draws)
        means = torch.from_numpy(drawn @ values / len(score))
    else:
        pieces = resamples(len(score), draws=draws, seed=seed)
        means = torch.cat([weight @ score / len(score) for weight in pieces])
    return percentiles(float(score.mean()), means, confidence=confidence)


def grouped(
    score: Float[Tensor, " N"],
    group: Int64[Tensor, " N"],
    *,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of per-item scores with an interval from resamples of whole groups.

    Args:
        score: one score per item.
        group: group of each item; negative numbers are groups of one item.
        draws: number of resamples.
        confidence: share of the resamples whose mean lies in the interval.
        seed: the same seed gives the same interval.
    """
    at = numbered(group)
    total, count = at.bincount(weights=score.double()), at.bincount().double()
    drawn = _counts(len(count), draws, torch.Generator().manual_seed(seed))
    means, value = (drawn @ total) / (drawn @ count), float(score.double().mean())
    return percentiles(value, widened(value, means, len(count)), confidence=confidence)


def widened(
    value: float, drawn: Float64[Tensor, " R"], groups: int, *, confidence: float = 0.95
) -> Float64[Tensor, " R"]:
    """Return resampled values moved away from the value, as few groups need it.

    The percentiles of the bootstrap are too narrow for few groups: over five they hold the truth in
    83 % instead of 95 %. They are widened by the ratio of Student's t with G - 1 degrees of freedom
    to the normal quantile, and by the root of G / (G - 1), which makes the variance unbiased.
    """
    quantile = (1 + confidence) / 2
    ratio = float(stats.t.ppf(quantile, groups - 1) / stats.norm.ppf(quantile))
    return value + (drawn - value) * ratio * math.sqrt(groups / (groups - 1))


def numbered(group: Int64[Tensor, " N"]) -> Int64[Tensor, " N"]:
    """Return groups numbered from 0 without gaps; every item of unknown group (-1) has its own."""
    alone = -1 - torch.arange(len(group))
    return torch.where(group >= 0, group, alone).unique(return_inverse=True)[1]


def accuracy(right: Float[Tensor, " N"], *, confidence: float = 0.95) -> Interval:
    """Return the share of right items with its interval.

    Near 0 and 1 the percentiles of the bootstrap are too narrow, and at 0 and 1 their interval has
    width zero. With fewer than 10 right or fewer than 10 wrong items, the interval of Wilson (1927)
    is taken: 40 of 40 right is 91.2 to 100 %.

    Args:
        right: 1.0 for each item that was predicted correctly, else 0.0.
        confidence: probability that the interval holds the true share.
    """
    count = float(right.double().sum())
    if min(count, len(right) - count) >= RARE:
        return bootstrap(right, confidence=confidence)
    return wilson(count, len(right), confidence=confidence)


def wilson(right: float, items: int, *, confidence: float = 0.95) -> Interval:
    """Return the share right / items with the interval of Wilson (1927).

    >>> wilson(0, 10)
    Interval(value=0.0, low=0.0, high=0.27753279...)
    """
    z = float(stats.norm.ppf((1 + confidence) / 2))
    p, scale = right / items, 1 + z**2 / items
    centre = (p + z**2 / (2 * items)) / scale
    half = z * math.sqrt(p * (1 - p) / items + z**2 / (4 * items**2)) / scale
    low, high = max(centre - half, 0.0), min(centre + half, 1.0)
    return Interval(p, 0.0 if right == 0 else low, 1.0 if right == items else high)


def paired(
    a: Float[Tensor, " N"],
    b: Float[Tensor, " N"],
    *,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of a - b over the same items, with its interval.

    Pairing makes the interval far narrower than one from two separate intervals. The arguments are
    those of `bootstrap`.
    """
    return bootstrap(a.double() - b.double(), draws=draws, confidence=confidence, seed=seed)


def resamples(
    items: int,
    *,
    group: Int64[Tensor, " items"] | None = None,
    cells: int = 1,
    draws: int = 1000,
    seed: int = 0,
) -> Iterator[Float64[Tensor, "R items"]]:
    """Yield how often each item was drawn, one row per resample, in pieces that fit into memory.

    This is for measures that are no mean over items. The same seed gives the same rows, so the
    difference of two measures on them is paired.

    Args:
        items: number of items to draw from.
        group: group of each item, to draw whole groups; None draws single items.
        cells: numbers that the measure computes for each resample; it counts if larger than items.
        draws: number of resamples.
        seed: seed of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    at = torch.arange(items) if group is None else numbered(group)
    for rows in torch.arange(draws).split(max(1, PIECE // max(items, cells))):
        yield _counts(int(at.max()) + 1, len(rows), generator)[:, at]


def _counts(units: int, draws: int, generator: torch.Generator) -> Float64[Tensor, "R units"]:
    """Return how often each of the units is drawn, as many draws with replacement as units."""
    drawn = torch.randint(units, (draws, units), generator=generator)
    once = torch.ones(drawn.shape, dtype=torch.float64)
    return torch.zeros_like(once).scatter_add_(1, drawn, once)


def percentiles(
    value: float, drawn: Float64[Tensor, " R"], *, confidence: float = 0.95
) -> Interval:
    """Return the value with the percentiles of the resampled values, leaving out NaN ones."""
    tail = (1 - confidence) / 2
    low, high = drawn.nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(value, low, high)
