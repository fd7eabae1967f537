"""Random noise."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.normal import normals
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.ranges import Share, Strength, within_ranges


class Jitter(RandomApply):
    """Independent normal noise on every value, like that of a sensor.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        sigma: deviation of the noise, in standard deviations of the channel. Um et al. (2017, arXiv
            1706.00527): 0.05; RelCon: 0.1; REBAR's SimCLR: 0.2; TS-TCC: 0.8.
    """

    @within_ranges
    def __init__(self, probability: Share, sigma: Strength = 0.05) -> None:
        super().__init__(probability)
        self.sigma = sigma

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, and one number for every value."""
        return 1 + channels * length

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return windows with noise if their first draw is below the probability."""
        noise = normals(draws[:, 1:]).reshape(series.shape).to(series.dtype)
        sigma = torch.where(self.happens(draws[:, 0]), self.sigma, 0.0).to(series.dtype)
        return series + sigma[:, None, None] * noise
