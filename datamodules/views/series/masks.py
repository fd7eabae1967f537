"""Random channels and random spans of time that are set to 0.

0 is the mean of the channel in the training data, because series are normalised before.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from manyviews.datamodules.views.series.crop import check_share
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.ranges import Share


class ChannelMask(RandomApply):
    """Random channels are set to 0 in the whole window; at least one is kept.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        share: smallest and largest share of the channels, rounded to whole channels.
    """

    def __init__(self, probability: Share, share: list[float]) -> None:
        super().__init__(probability)
        check_share("channel_mask", share)
        self.share = share

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, how many, and the order of the channels."""
        return 2 + channels

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return windows without some channels if their first draw is below the probability."""
        channels, (low, high) = series.shape[1], self.share
        many = ((low + (high - low) * draws[:, 1].double()) * channels).round()
        many = torch.where(self.happens(draws[:, 0]), many.clamp(max=channels - 1), 0)
        # The rank of each draw is a random permutation: the first `many` channels in it are masked.
        rank = draws[:, 2:].argsort(dim=1, stable=True).argsort(1)
        return mask(series, (rank < many[:, None])[..., None])


class TimeMask(RandomApply):
    """One span of time is set to 0 in all channels (Park et al., 2019, arXiv 1904.08779, speech).

    Args:
        probability: chance that a sample is changed, 0 to 1.
        share: smallest and largest share of the window, rounded to whole steps.
    """

    def __init__(self, probability: Share, share: list[float]) -> None:
        super().__init__(probability)
        check_share("time_mask", share)
        self.share = share

    def draws(self, channels: int, length: int) -> int:
        """Return 3: apply, share, start."""
        return 3

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 3"]
    ) -> Float[Tensor, "B C T"]:
        """Return windows without a span if their first draw is below the probability."""
        length, (low, high) = series.shape[2], self.share
        apply, share, place = draws.double().split(1, 1)
        steps = ((low + (high - low) * share) * length).round()
        steps = torch.where(apply < self.probability, steps, 0.0)
        start = (place * (length - steps + 1)).floor()
        at = torch.arange(length, device=series.device)
        return mask(series, ((at >= start) & (at < start + steps))[:, None])


def mask(series: Float[Tensor, "B C T"], hidden: Bool[Tensor, "B _ _"]) -> Float[Tensor, "B C T"]:
    """Return the series with 0 at hidden places; NaN stays NaN."""
    return series * ~hidden
