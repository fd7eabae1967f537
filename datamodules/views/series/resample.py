"""Reading a series between its steps."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

GRAIN = 2.0**16  # places per step: rounding dust is no neighbour, and weights are exact in float32


def resampled(
    series: Float[Tensor, "B C T"],
    position: Float64[Tensor, "B t"],
    pace: Float64[Tensor, "B 1"] | None = None,
    fastest: float = 1.0,
) -> Float[Tensor, "B C t"]:
    """The series at positions between 0 and T - 1, interpolated linearly.

    Where it is read faster than one step at a time, neighbours up to that pace away are averaged
    with falling weights, as images are when they shrink: what is faster than half the new rate
    would come back as something slower otherwise. NaN where a neighbour that counts is NaN.

    Args:
        series: what is read.
        position: in steps.
        pace: steps between two positions; null: at most one.
        fastest: the largest pace that occurs.
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
        mixed = mixed + torch.where(share > 0, share * series.gather(2, index), 0.0)
    return mixed


def _triangle(distance: Tensor, at: Tensor, length: int) -> Tensor:
    """Falls from 1 to 0 at a distance of 1; 0 outside of the series."""
    return torch.where((at >= 0) & (at < length), (1 - distance.abs()).clamp(min=0), 0.0)
