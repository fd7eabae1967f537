"""Segments in another order."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.errors import ConfigError


class Permutation(RandomApply):
    """The window is cut at random steps and its segments are put together in a random order.

    Args:
        probability: 0 to 1.
        segments: most segments; how many is drawn from 2 on. Um et al. (2017, arXiv 1706.00527):
            always 4, none shorter than 10 steps; RelCon: always 5; TS-TCC: up to 5, on HAR 8.
    """

    def __init__(self, probability: float, segments: int = 5) -> None:
        super().__init__(probability)
        if segments < 2:
            raise ConfigError(f"permutation segments={segments}; allowed: 2 or more")
        self.segments = segments

    def draws(self, channels: int, length: int) -> int:
        """Apply, how many, the cuts, the order."""
        return 2 + (self.segments - 1) + self.segments

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Permuted where the first draw is below the probability."""
        order = self.order(series.shape[2], draws)
        return series.gather(2, order[:, None].expand_as(series))

    def order(self, length: int, draws: Float[Tensor, "B n"]) -> Int64[Tensor, "B {length}"]:
        """Which step of the window stands where: one segment where nothing is applied."""
        cut, place = draws[:, 2 : self.segments + 1], draws[:, self.segments + 1 :]
        many = 2 + (draws[:, 1].double() * (self.segments - 1)).long()
        cuts = torch.where(self.happens(draws[:, 0]), many - 1, 0)[:, None]
        # Steps before which a segment begins; those behind the last step cut nothing.
        begin = 1 + (cut.double() * (length - 1)).long()
        begin = begin.where(torch.arange(self.segments - 1, device=draws.device) < cuts, length)
        step = torch.arange(length, device=draws.device)[:, None]
        segment = (step >= begin[:, None]).sum(2)
        return place.gather(1, segment).argsort(dim=1, stable=True)
