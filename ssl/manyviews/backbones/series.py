"""What backbones of series share: missing steps, convolutions, pooling over time."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Pool = Literal["max", "mean", "attention"]


def without_missing(series: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
    """0 in all channels of the steps at which one is NaN, as TS2Vec; the input stays as it is."""
    return torch.where(series.isnan().any(1, keepdim=True), 0.0, series)


class SameConv1d(nn.Conv1d):
    """As many steps as came in; an even kernel reaches one step further ahead than back."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(in_channels, out_channels, kernel, bias=False)
        self.reach = ((kernel - 1) // 2, kernel // 2)

    def forward(self, input: Float[Tensor, "B c T"]) -> Float[Tensor, "B d T"]:  # noqa: A002
        """Padded with zeros, then convolved."""
        return super().forward(F.pad(input, self.reach))


class Pooling(nn.Module):
    """The largest, the mean, or an attention-weighted mean over time.

    Args:
        kind: "attention" learns one score per step, a linear function of its features.
        channels: D.
    """

    def __init__(self, kind: Pool, channels: int) -> None:
        super().__init__()
        self.kind = kind
        self.score = nn.Linear(channels, 1) if kind == "attention" else None

    def forward(self, features: Float[Tensor, "B D T"]) -> Float[Tensor, "B D"]:
        """One embedding per series."""
        if self.score is not None:
            weight = self.score(features.mT).softmax(1)
            return (features @ weight)[..., 0]
        return features.amax(-1) if self.kind == "max" else features.mean(-1)
