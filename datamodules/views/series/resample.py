"""Linear interpolation of a series between its steps, antialiased."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

# Positions are rounded to this many places per step: rounding errors then never add a neighbour,
# and weights are exact in float32.
GRAIN = 2.0**16


def resample(
    series: Float[Tensor, "B C T"],
    position: Float64[Tensor, "B t"],
    pace: Float64[Tensor, "B 1"] | None = None,
    fastest: float = 1.0,
) -> Float[Tensor, "B C t"]:
    """Return the series at positions between 0 and T - 1, interpolated linearly.

    If the pace is more than one step, neighbours up to that pace away are averaged with falling
    weights, as when images shrink: otherwise frequencies above half the new rate would appear as
    lower ones. The result is NaN if a neighbour with a weight is NaN.

    Args:
        series: the series to read.
        position: positions in steps.
        pace: steps between two positions; None: at most one.
        fastest: largest possible pace.
    """
    position = (position * GRAIN).round() / GRAIN
    spread = torch.ones_like(position[:, :1]) if pace is None else pace.clamp(min=1.0)
    reach = math.ceil(max(fastest, 1.0))
    first = position.floor().long() - (reach - 1)
    taps = [first + tap for tap in range(2 * reach)]
    weights = [_triangle((at - position) / spread, at, series.shape[2]) for at in taps]
    whole = sum(weights[1:], weights[0])
    mixed = series.new_zeros(*series.shape[:2], position.shape[1])
    for at, weight in zip(taps, weights, strict=True):
        index = at.clamp(0, series.shape[2] - 1)[:, None].expand(-1, series.shape[1], -1)
        share = (weight / whole)[:, None].to(series.dtype)
        # 0 * NaN would be NaN: neighbours without weight are left out.
        mixed = mixed + torch.where(share > 0, share * series.gather(2, index), 0.0)
    return mixed


def _triangle(distance: Tensor, at: Tensor, length: int) -> Tensor:
    """Return weights that fall from 1 to 0 at a distance of 1; outside of the series they are 0."""
    return torch.where((at >= 0) & (at < length), (1 - distance.abs()).clamp(min=0), 0.0)
