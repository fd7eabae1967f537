"""Random channels and random spans of time that are left out.

What is left out is 0, the mean of the channel in the training data: series are normalised before.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from manyviews.datamodules.views.series.crop import check_share
from manyviews.datamodules.views.series.random_apply import RandomApply


class ChannelMask(RandomApply):
    """Some channels are 0 everywhere; one at least is left.

    Args:
        probability: 0 to 1.
        share: smallest and largest share of the channels, rounded to whole ones.
    """

    def __init__(self, probability: float, share: list[float]) -> None:
        super().__init__(probability)
        check_share("channel_mask", share)
        self.share = share

    def draws(self, channels: int, length: int) -> int:
        """Apply, how many, and the order of the channels."""
        return 2 + channels

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Without some channels where the first draw is below the probability."""
        channels, (low, high) = series.shape[1], self.share
        many = ((low + (high - low) * draws[:, 1].double()) * channels).round()
        many = torch.where(self.happens(draws[:, 0]), many.clamp(max=channels - 1), 0)
        rank = draws[:, 2:].argsort(dim=1, stable=True).argsort(1)
        return masked(series, (rank < many[:, None])[..., None])


class TimeMask(RandomApply):
    """All channels are 0 in one span of time (Park et al., 2019, arXiv 1904.08779, on speech).

    Args:
        probability: 0 to 1.
        share: smallest and largest share of the window, rounded to whole steps.
    """

    def __init__(self, probability: float, share: list[float]) -> None:
        super().__init__(probability)
        check_share("time_mask", share)
        self.share = share

    def draws(self, channels: int, length: int) -> int:
        """Apply, share, start."""
        return 3

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B C T"]:
        """Without a span where the first draw is below the probability."""
        length, (low, high) = series.shape[2], self.share
        apply, share, place = draws.double().split(1, 1)
        steps = ((low + (high - low) * share) * length).round()
        steps = torch.where(apply < self.probability, steps, 0.0)
        start = (place * (length - steps + 1)).floor()
        at = torch.arange(length, device=series.device)
        return masked(series, ((at >= start) & (at < start + steps))[:, None])


def masked(series: Float[Tensor, "B C T"], hidden: Bool[Tensor, "B _ _"]) -> Float[Tensor, "B C T"]:
    """0 where hidden; NaN stays NaN."""
    return series * ~hidden
