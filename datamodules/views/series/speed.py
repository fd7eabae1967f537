"""Random speed."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.datamodules.views.series.resample import resampled
from manyviews.errors import ConfigError


class Speed(RandomApply):
    """A piece of the window is read faster or slower, with antialias where faster.

    All views have the steps that the fastest reading leaves of a window, so that none has to be
    filled up: 1 / 1.25 of them where the largest factor is 1.25. Antialias, because a movement that
    is really faster passes the filter of the sensor before it is sampled.

    Args:
        probability: 0 to 1.
        factor: smallest and largest, drawn on a logarithmic scale. Ko et al. (2015), on speech:
            0.9, 1 and 1.1.
    """

    def __init__(self, probability: float, factor: list[float]) -> None:
        super().__init__(probability)
        if len(factor) != 2 or not 0 < factor[0] <= factor[1] < math.inf:
            raise ConfigError(f"speed factor={list(factor)}; allowed: [low, high], 0 < low <= high")
        self.factor, self.fastest = factor, max(factor[1], 1.0)

    def draws(self, channels: int, length: int) -> int:
        """Apply, factor, start."""
        return 3

    def size(self, length: int) -> int:
        """What the fastest reading leaves."""
        return math.floor((length - 1) / self.fastest) + 1

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B C t"]:
        """Read at another speed where the first draw is below the probability."""
        apply, share, place = draws.double().split(1, 1)
        low, high = (math.log(factor) for factor in self.factor)
        pace = torch.where(apply < self.probability, (low + (high - low) * share).exp(), 1.0)
        at = torch.arange(self.size(series.shape[2]), device=series.device)
        # Whole steps, so that nothing is interpolated at a speed of 1.
        room = (series.shape[2] - 1 - pace * (len(at) - 1)).clamp(min=0).floor()
        start = (place * (room + 1)).floor()
        return resampled(series, start + pace * at, pace, self.fastest)
