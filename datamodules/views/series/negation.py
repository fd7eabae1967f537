"""Random change of sign."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.random_apply import RandomApply


class Negation(RandomApply):
    """A change of sign of all channels (Saeed et al., 2019, arXiv 1907.11879).

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    def draws(self, channels: int, length: int) -> int:
        """Return 1: apply."""
        return 1

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C T"]:
        """Return negated windows if their draw is below the probability."""
        sign = torch.where(self.happens(draws[:, 0]), -1.0, 1.0).to(series.dtype)
        return series * sign[:, None, None]
