"""Parts that backbones for time series share: missing steps, convolutions, pooling over time."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Pool = Literal["max", "mean", "attention"]


def without_missing(series: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
    """Return the series with 0, the mean of a normalised channel, in place of each NaN.

    TS2Vec blanks all channels of a step at which one is NaN. Here the others stay, as in REBAR's
    methods: a sensor that is off would otherwise hide all that the other sensors measured.
    """
    return torch.where(series.isnan(), 0.0, series)


class SameConv1d(nn.Conv1d):
    """A convolution without bias that keeps the length.

    An even kernel reaches one step further into the future than into the past.

    Args:
        in_channels: number of input channels.
        out_channels: number of output channels.
        kernel: length in steps, odd or even.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(in_channels, out_channels, kernel, bias=False)
        self.reach = ((kernel - 1) // 2, kernel // 2)

    def forward(self, input: Float[Tensor, "B c T"]) -> Float[Tensor, "B d T"]:  # noqa: A002
        """Pad with zeros and convolve."""
        # Not by `padding="same"`, which warns that an even kernel copies its input.
        return super().forward(F.pad(input, self.reach))


class Pooling(nn.Module):
    """Pooling over time: the maximum, the mean, or a mean with learned weights.

    Args:
        kind: "max", "mean" or "attention", whose weights are the softmax over time of one score per
            step, a learned linear function of the step's features.
        channels: D, the number of features.
    """

    def __init__(self, kind: Pool, channels: int) -> None:
        super().__init__()
        self.kind = kind
        self.score = nn.Linear(channels, 1) if kind == "attention" else None

    def forward(self, features: Float[Tensor, "B D T"]) -> Float[Tensor, "B D"]:
        """Return one embedding per series."""
        if self.score is not None:
            weight = self.score(features.mT).softmax(1)
            return (features @ weight)[..., 0]
        return features.amax(-1) if self.kind == "max" else features.mean(-1)
