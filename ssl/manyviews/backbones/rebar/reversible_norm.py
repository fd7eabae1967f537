"""Reversible instance norm.

Kim, Kim, Tae, Park, Choi, Choo: "Reversible Instance Normalization for Accurate Time-Series
Forecasting against Distribution Shift", ICLR 2022. Unlike there, the statistics may come from
another series than the one that is normalised.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

EPS = 1e-5


class Statistics(NamedTuple):
    """Mean and standard deviation over time, one pair per series and channel.

    Attributes:
        mean: (..., C, 1).
        std: (..., C, 1), of the variance over T (not T - 1) plus 1e-5, so never 0.
    """

    mean: Tensor
    std: Tensor


class ReversibleNorm(nn.Module):
    """An instance norm w (x - mean) / std + b that can be inverted.

    Args:
        channels: C; each has a weight w, initially 1, and a bias b, initially 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, series: Float[Tensor, "*_ C T"], by: Statistics
    ) -> Float[Tensor, "*batch C T"]:
        """Return the normalised series."""
        return (series - by.mean) / by.std * self.weight[:, None] + self.bias[:, None]

    def inverse(
        self, series: Float[Tensor, "*_ C T"], by: Statistics
    ) -> Float[Tensor, "*batch C T"]:
        """Return the series in the units of the statistics: the inverse of `forward`."""
        # EPS**2 is the official code's guard against a weight of 0.
        plain = (series - self.bias[:, None]) / (self.weight[:, None] + EPS**2)
        return plain * by.std + by.mean


@torch.no_grad()
def statistics(
    series: Float[Tensor, "*#batch C T"], observed: Bool[Tensor, "*#batch T"] | None = None
) -> Statistics:
    """Return the mean and deviation over time; no gradient flows through them.

    Args:
        series: in any units.
        observed: True at the steps that count, at least one per series; None: all steps count.
    """
    if observed is None:
        var, mean = torch.var_mean(series, dim=-1, correction=0, keepdim=True)
        return Statistics(mean, (var + EPS).sqrt())
    share = observed / observed.sum(-1, keepdim=True)
    share = share.to(series.dtype)[..., None, :]
    mean = (series * share).sum(-1, keepdim=True)
    var = ((series - mean).square() * share).sum(-1, keepdim=True)
    return Statistics(mean, (var + EPS).sqrt())
