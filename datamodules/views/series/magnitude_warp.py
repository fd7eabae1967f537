"""Random factors that change smoothly over time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.curves import curves
from manyviews.datamodules.views.series.normal import normals
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.ranges import Share, Size, Strength, within_ranges


class MagnitudeWarp(RandomApply):
    """Each channel is multiplied by a smooth curve around 1 (Um et al., 2017, arXiv 1706.00527).

    Args:
        probability: chance that a sample is changed, 0 to 1.
        sigma: standard deviation of the curve at its knots. Um et al.: 0.2.
        knots: knots between the two ends, which are knots as well. Um et al.: 4.
    """

    @within_ranges
    def __init__(self, probability: Share, sigma: Strength = 0.2, knots: Size = 4) -> None:
        super().__init__(probability)
        self.sigma, self.knots = sigma, knots

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, and the knots of every channel."""
        return 1 + channels * (self.knots + 2)

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return windows times a curve if their first draw is below the probability."""
        batch, channels, length = series.shape
        knots = normals(draws[:, 1:]).reshape(batch, channels, self.knots + 2).to(series.dtype)
        sigma = torch.where(self.happens(draws[:, 0]), self.sigma, 0.0).to(series.dtype)
        return series * (1 + sigma[:, None, None] * curves(knots, length))
