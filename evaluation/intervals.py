"""Percentile bootstrap over test items (Efron 1979)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Interval(NamedTuple):
    """A mean and the interval that holds it with the given confidence."""

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
    tail = (1 - confidence) / 2
    low, high = means.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(float(score.mean()), low, high)


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
