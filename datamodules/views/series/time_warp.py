"""Time that runs faster and slower."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from manyviews.datamodules.views.series.curves import check_knots, curves
from manyviews.datamodules.views.series.normal import check_sigma, normals
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.datamodules.views.series.resample import resampled

SLOWEST = 0.1  # time neither stops nor runs back


class TimeWarp(RandomApply):
    """The window is read from end to end at a speed that is a smooth curve around 1.

    After Um et al. (2017, arXiv 1706.00527), whose code gives every channel a time of its own; here
    it is the same for all, so that channels stay in step. Theirs lays the steps out along the curve
    and reads them at a constant speed, the inverse of reading along it.

    Args:
        probability: 0 to 1.
        sigma: deviation of the speed at its knots. Um et al.: 0.2.
        knots: between the two ends, which are knots as well. Um et al.: 4.
    """

    def __init__(self, probability: float, sigma: float = 0.2, knots: int = 4) -> None:
        super().__init__(probability)
        check_sigma("time_warp", sigma)
        check_knots("time_warp", knots)
        self.sigma, self.knots = sigma, knots

    def draws(self, channels: int, length: int) -> int:
        """Apply, and the knots."""
        return 3 + self.knots

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Warped where the first draw is below the probability."""
        return resampled(series, self.positions(series.shape[2], draws))

    def positions(self, length: int, draws: Float[Tensor, "B n"]) -> Float64[Tensor, "B {length}"]:
        """Where each step is read: from 0 to length - 1, rising."""
        sigma = torch.where(self.happens(draws[:, 0]), self.sigma, 0.0).double()[:, None]
        speed = (1 + sigma * curves(normals(draws[:, 1:].double()), length)).clamp(min=SLOWEST)
        between = (speed[:, 1:] + speed[:, :-1]) / 2
        passed = torch.nn.functional.pad(between, (1, 0)).cumsum(1)
        return passed * (length - 1) / passed[:, -1:].clamp(min=SLOWEST)
