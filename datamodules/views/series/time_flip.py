"""Random direction of time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply


class TimeFlip(RandomApply):
    """A window that runs backwards (Saeed et al., 2019, arXiv 1907.11879).

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    def draws(self, channels: int, length: int) -> int:
        """Return 1: apply."""
        return 1

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C T"]:
        """Return reversed windows if their draw is below the probability."""
        return torch.where(self.happens(draws[:, 0])[:, None, None], series.flip(2), series)
