"""Random speed that changes smoothly over time."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from manyviews.datamodules.views.series.curves import curves
from manyviews.datamodules.views.series.normal import normals
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.datamodules.views.series.resample import resample
from manyviews.ranges import Share, Size, Strength, within_ranges

SLOWEST = 0.1  # speed; below it time would stop or run back


class TimeWarp(RandomApply):
    """The whole window is read at a speed that is a smooth curve around 1.

    After Um et al. (2017, arXiv 1706.00527). Their code warps the time of each channel separately;
    here all channels share one, so that they stay in step. Their code lays the steps out along the
    curve and reads them at a constant speed, which is the inverse of reading along the curve.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        sigma: standard deviation of the speed at its knots. Um et al.: 0.2.
        knots: knots between the two ends, which are knots as well. Um et al.: 4.
    """

    @within_ranges
    def __init__(self, probability: Share, sigma: Strength = 0.2, knots: Size = 4) -> None:
        super().__init__(probability)
        self.sigma, self.knots = sigma, knots

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, and the knots."""
        return 3 + self.knots

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return warped windows if their first draw is below the probability."""
        return resample(series, self.positions(series.shape[2], draws))

    def positions(self, length: int, draws: Float[Tensor, "B n"]) -> Float64[Tensor, "B {length}"]:
        """Return the place at which each step is read, rising from 0 to length - 1."""
        sigma = torch.where(self.happens(draws[:, 0]), self.sigma, 0.0).double()[:, None]
        speed = (1 + sigma * curves(normals(draws[:, 1:].double()), length)).clamp(min=SLOWEST)
        # The integral of the speed by trapezoids, scaled so that the last step stays the last.
        between = (speed[:, 1:] + speed[:, :-1]) / 2
        passed = torch.nn.functional.pad(between, (1, 0)).cumsum(1)
        return passed * (length - 1) / passed[:, -1:].clamp(min=SLOWEST)
