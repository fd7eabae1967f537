"""Segments of a window in a random order."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.ranges import Share, within_ranges


class Permutation(RandomApply):
    """The window is cut at random steps and its segments are put together in a random order.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        segments: largest number of segments; the number is drawn from 2 to this. Um et al. (2017,
            arXiv 1706.00527): always 4, none shorter than 10 steps; RelCon: always 5; TS-TCC: up to
            5, on HAR up to 8.
    """

    @within_ranges
    def __init__(self, probability: Share, segments: Annotated[int, Ge(2), Le(2**24)] = 5) -> None:
        super().__init__(probability)
        self.segments = segments

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, how many, the cuts, the order."""
        return 2 + (self.segments - 1) + self.segments

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return windows in segments if their first draw is below the probability."""
        order = self.order(series.shape[2], draws)
        return series.gather(2, order[:, None].expand_as(series))

    def order(self, length: int, draws: Float[Tensor, "B n"]) -> Int64[Tensor, "B {length}"]:
        """Return the old step of each new one; a window that stays is a single segment."""
        cut, place = draws[:, 2 : self.segments + 1], draws[:, self.segments + 1 :]
        many = 2 + (draws[:, 1].double() * (self.segments - 1)).long()
        cuts = torch.where(self.happens(draws[:, 0]), many - 1, 0)[:, None]
        # The first step of every segment but the first. Cuts that are not needed lie beyond the
        # last step, where they cut nothing.
        begin = 1 + (cut.double() * (length - 1)).long()
        begin = begin.where(torch.arange(self.segments - 1, device=draws.device) < cuts, length)
        step = torch.arange(length, device=draws.device)[:, None]
        segment = (step >= begin[:, None]).sum(2)
        # Every step takes the random place of its segment; a stable sort keeps segments whole.
        return place.gather(1, segment).argsort(dim=1, stable=True)
