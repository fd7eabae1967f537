"""Random piece of a window, stretched to one length."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.series.resample import resample
from manyviews.errors import ConfigError
from manyviews.ranges import within_ranges


class Crop:
    """A piece of random length and place, stretched to one length by linear interpolation.

    Also known as window slicing; antialiased if it shrinks. The piece has whole steps, so that
    nothing is interpolated if it already has the length: `share: [0.5, 0.5]` with a `length` of
    half the window cuts pieces and keeps their pace.

    Args:
        share: smallest and largest share of the window, at least one step. Le Guennec et al.
            (2016): 0.9.
        length: steps of the result; null: those of the window.
    """

    @within_ranges
    def __init__(
        self, share: list[float], length: Annotated[int, Ge(2), Le(2**24)] | None = None
    ) -> None:
        check_share("crop", share)
        self.share, self.length = share, length

    def draws(self, channels: int, length: int) -> int:
        """Return 2: share and start."""
        return 2

    def size(self, length: int) -> int:
        """Return `length` if it is given, else the steps of the window."""
        return self.length or length

    def __call__(
        self, series: Float[Tensor, "B C T"], draws: Float[Tensor, "B 2"]
    ) -> Float[Tensor, "B C t"]:
        """Return the stretched piece of every window, from its first step to its last."""
        length, (low, high) = series.shape[2], self.share
        share, place = draws.double().split(1, 1)
        steps = ((low + (high - low) * share) * length).round().clamp(min=1)
        start = (place * (length - steps + 1)).floor()
        at = torch.arange(self.size(length), device=series.device)
        gaps = max(len(at) - 1, 1)
        pace, fastest = (steps - 1) / gaps, (round(high * length) - 1) / gaps
        return resample(series, start + pace * at, pace, fastest)


def check_share(operation: str, share: list[float]) -> None:
    """Raise unless a range of shares is possible.

    Raises:
        ConfigError: the range is empty, or a share is not between 0 and 1.
    """
    if len(share) != 2 or not 0 <= share[0] <= share[1] <= 1:
        raise ConfigError(
            f"{operation} share={list(share)}; allowed: [low, high], 0 <= low <= high <= 1"
        )
