"""Random speed of reading a window."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.datamodules.views.series.resample import resample
from manyviews.errors import ConfigError
from manyviews.ranges import Share


class Speed(RandomApply):
    """A piece of the window is read faster or slower, with antialias if faster.

    All views have as many steps as the fastest reading leaves of a window, so that none has to be
    padded: with a largest factor of 1.25, 1 / 1.25 of the window. Antialias imitates a movement
    that is really faster, which passes the filter of the sensor before it is sampled.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        factor: smallest and largest factor, drawn on a logarithmic scale. Ko et al. (2015), on
            speech: 0.9, 1 and 1.1.
    """

    def __init__(self, probability: Share, factor: list[float]) -> None:
        super().__init__(probability)
        if len(factor) != 2 or not 0 < factor[0] <= factor[1] < math.inf:
            raise ConfigError(f"speed factor={list(factor)}; allowed: [low, high], 0 < low <= high")
        self.factor, self.fastest = factor, max(factor[1], 1.0)

    def draws(self, channels: int, length: int) -> int:
        """Return 3: apply, factor, start."""
        return 3

    def size(self, length: int) -> int:
        """Return the steps that the fastest reading leaves."""
        return math.floor((length - 1) / self.fastest) + 1

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B C t"]:
        """Return pieces at another speed if their first draw is below the probability."""
        apply, share, place = draws.double().split(1, 1)
        low, high = (math.log(factor) for factor in self.factor)
        pace = torch.where(apply < self.probability, (low + (high - low) * share).exp(), 1.0)
        at = torch.arange(self.size(series.shape[2]), device=series.device)
        # The start is a whole step, so that nothing is interpolated at a speed of 1.
        room = (series.shape[2] - 1 - pace * (len(at) - 1)).clamp(min=0).floor()
        start = (place * (room + 1)).floor()
        return resample(series, start + pace * at, pace, self.fastest)
