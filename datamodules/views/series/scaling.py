"""Random factors."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.normal import normals
from manyviews.datamodules.views.series.random_apply import RandomApply
from manyviews.ranges import Share, Strength, within_ranges


class Scaling(RandomApply):
    """All steps of a channel are multiplied by one random factor around 1.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        strength: s of a factor that is uniform in [1 - s, 1 + s], or normal around 1 with standard
            deviation s. REBAR's SimCLR: uniform, 0.5; Um et al. (2017, arXiv 1706.00527): normal,
            0.1; RelCon: normal, 0.25. (TS-TCC: normal, 1.1, around 2.)
        distribution: distribution of the factor.
        per_channel: true: a factor for each channel, as Um et al.; false: one for all channels, as
            REBAR's SimCLR.
    """

    @within_ranges
    def __init__(
        self,
        probability: Share,
        strength: Strength = 0.1,
        distribution: Literal["uniform", "normal"] = "normal",
        per_channel: bool = True,
    ) -> None:
        super().__init__(probability)
        self.strength, self.distribution, self.per_channel = strength, distribution, per_channel

    def draws(self, channels: int, length: int) -> int:
        """Return the count of draws: apply, and the factors."""
        return 1 + (channels if self.per_channel else 1)

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B n"]
    ) -> Float[Tensor, "B C T"]:
        """Return scaled windows if their first draw is below the probability."""
        spread = normals(draws[:, 1:]) if self.distribution == "normal" else 2 * draws[:, 1:] - 1
        factor = torch.where(self.happens(draws[:, 0])[:, None], 1 + self.strength * spread, 1.0)
        return series * factor[..., None].to(series.dtype)
