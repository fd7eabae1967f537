"""Reversible instance norm.

Kim, Kim, Tae, Park, Choi, Choo: "Reversible Instance Normalization for Accurate Time-Series
Forecasting against Distribution Shift", 2022. Statistics may come from another series.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

EPS = 1e-5


class Statistics(NamedTuple):
    """Of each series and channel, over time.

    Attributes:
        mean: (..., C, 1).
        std: (..., C, 1), biased, never 0.
    """

    mean: Tensor
    std: Tensor


class ReversibleNorm(nn.Module):
    """w (x - mean) / std + b, and back.

    Args:
        channels: C; each has a weight w, 1 at first, and a bias b, 0 at first.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, series: Float[Tensor, "*_ C T"], by: Statistics
    ) -> Float[Tensor, "*batch C T"]:
        """Normalised."""
        return (series - by.mean) / by.std * self.weight[:, None] + self.bias[:, None]

    def inverse(
        self, series: Float[Tensor, "*_ C T"], by: Statistics
    ) -> Float[Tensor, "*batch C T"]:
        """In the units that the statistics have."""
        # The official code's guard against a weight of 0.
        plain = (series - self.bias[:, None]) / (self.weight[:, None] + EPS**2)
        return plain * by.std + by.mean


@torch.no_grad()
def statistics(
    series: Float[Tensor, "*#batch C T"], observed: Bool[Tensor, "*#batch T"] | None = None
) -> Statistics:
    """Mean and deviation over time, as constants.

    Args:
        series: in any units.
        observed: the steps that count, at least one of each series; None: all.
    """
    if observed is None:
        var, mean = torch.var_mean(series, dim=-1, correction=0, keepdim=True)
        return Statistics(mean, (var + EPS).sqrt())
    share = observed / observed.sum(-1, keepdim=True)
    share = share.to(series.dtype)[..., None, :]
    mean = (series * share).sum(-1, keepdim=True)
    var = ((series - mean).square() * share).sum(-1, keepdim=True)
    return Statistics(mean, (var + EPS).sqrt())
