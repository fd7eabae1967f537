"""Percentile bootstrap over test items (Efron 1979)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

PIECE = 2**22  # numbers of one piece of resamples: 32 MB


class Interval(NamedTuple):
    """A value and the interval that holds it with the given confidence."""

    value: float
    low: float
    high: float


def bootstrap(
    score: Float[Tensor, " N"], *, draws: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Mean of per-item scores with its percentile interval; the same seed, the same interval."""
    generator = torch.Generator().manual_seed(seed)
    score = score.double()
    means = torch.stack(
        [
            score[torch.randint(len(score), (len(score),), generator=generator)].mean()
            for _ in range(draws)
        ]
    )
    return percentiles(float(score.mean()), means, confidence=confidence)


def paired(
    a: Float[Tensor, " N"],
    b: Float[Tensor, " N"],
    *,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of a - b over the same items: far narrower than the difference of two intervals."""
    return bootstrap(a.double() - b.double(), draws=draws, confidence=confidence, seed=seed)


def resamples(
    items: int, *, cells: int = 1, draws: int = 1000, seed: int = 0
) -> Iterator[Float64[Tensor, "R items"]]:
    """How often each item was drawn, a row per resample, in pieces that fit into memory.

    For measures that are no mean over items; the same seed gives the same rows, so that the
    differences of two measures on them are paired.

    Args:
        items: that are drawn from.
        cells: numbers that the measure makes of each resample, where they are more.
        draws: resamples.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    for rows in torch.arange(draws).split(max(1, PIECE // max(items, cells))):
        drawn = torch.randint(items, (len(rows), items), generator=generator)
        once = torch.ones(drawn.shape, dtype=torch.float64)
        yield torch.zeros_like(once).scatter_add_(1, drawn, once)


def percentiles(
    value: float, drawn: Float64[Tensor, " R"], *, confidence: float = 0.95
) -> Interval:
    """The value between the percentiles of what the resamples gave; NaN ones are left out."""
    tail = (1 - confidence) / 2
    low, high = drawn.nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(value, low, high)
