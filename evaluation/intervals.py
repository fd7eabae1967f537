"""Confidence intervals by the percentile bootstrap over test items (Efron 1979)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

PIECE = 2**22  # float64 numbers in one piece of resamples: 32 MB


class Interval(NamedTuple):
    """A value with its confidence interval from `low` to `high`."""

    value: float
    low: float
    high: float


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
    generator = torch.Generator().manual_seed(seed)
    score = score.double()
    means = torch.stack(
        [
            score[torch.randint(len(score), (len(score),), generator=generator)].mean()
            for _ in range(draws)
        ]
    )
    return percentiles(float(score.mean()), means, confidence=confidence)


def accuracy(right: Float[Tensor, " N"], *, confidence: float = 0.95) -> Interval:
    """Return the share of right items with its interval.

    If all or none are right, every resample is equal and the bootstrap gives an interval of width
    zero. Then the exact interval of Clopper and Pearson (1934) is taken: 40 of 40 right is 91.2 to
    100 %.

    Args:
        right: 1.0 for each item that was predicted correctly, else 0.0.
        confidence: probability that the interval holds the true share.
    """
    value = float(right.double().mean())
    if value not in (0.0, 1.0):
        return bootstrap(right, confidence=confidence)
    edge = ((1 - confidence) / 2) ** (1 / len(right))  # of the binomial distribution at 0 or N
    return Interval(value, edge, 1.0) if value else Interval(value, 0.0, 1 - edge)


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
    items: int, *, cells: int = 1, draws: int = 1000, seed: int = 0
) -> Iterator[Float64[Tensor, "R items"]]:
    """Yield how often each item was drawn, one row per resample, in pieces that fit into memory.

    This is for measures that are no mean over items. The same seed gives the same rows, so the
    difference of two measures on them is paired.

    Args:
        items: number of items to draw from.
        cells: numbers that the measure computes for each resample; it counts if larger than items.
        draws: number of resamples.
        seed: seed of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    for rows in torch.arange(draws).split(max(1, PIECE // max(items, cells))):
        drawn = torch.randint(items, (len(rows), items), generator=generator)
        once = torch.ones(drawn.shape, dtype=torch.float64)
        yield torch.zeros_like(once).scatter_add_(1, drawn, once)


def percentiles(
    value: float, drawn: Float64[Tensor, " R"], *, confidence: float = 0.95
) -> Interval:
    """Return the value with the percentiles of the resampled values, leaving out NaN ones."""
    tail = (1 - confidence) / 2
    low, high = drawn.nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(value, low, high)
