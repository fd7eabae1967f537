"""Random boxes of pixels, as torchvision's RandomResizedCrop and RandomErasing draw them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.errors import ConfigError

TRIES = 10  # of torchvision, before it gives up drawing a box that fits


def check_box(operation: str, scale: list[float], ratio: list[float]) -> None:
    """Raise unless the ranges of a random box are possible.

    Raises:
        ConfigError: a range is empty, or a number is out of its bounds.
    """
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ConfigError(
            f"{operation} scale={list(scale)}; allowed: [low, high], 0 < low <= high <= 1"
        )
    if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1] <= 1000:
        raise ConfigError(
            f"{operation} ratio={list(ratio)}; allowed: [low, high], 0 < low <= high <= 1000"
        )


def draw_sides(
    area: Int64[Tensor, "#B"], scale: list[float], ratio: list[float], draws: Float[Tensor, "B _"]
) -> Int64[Tensor, "2 B n"]:
    """Return the sides sqrt(a r) and sqrt(a / r) in pixels of every try.

    The share of the area is uniform in `scale`, and the logarithm of the ratio in that of `ratio`.
    """
    share = scale[0] + (scale[1] - scale[0]) * draws[:, :TRIES].double()
    low, high = math.log(ratio[0]), math.log(ratio[1])
    r = torch.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES].double())
    a = share * area[:, None]
    return torch.stack([a * r, a / r]).sqrt_().round_().long()


def first_fitting(
    tried: Int64[Tensor, "2 B n"], fits: Bool[Tensor, "B n"], fallback: Int64[Tensor, "2 _"]
) -> tuple[Int64[Tensor, "2 B"], Bool[Tensor, " B"]]:
    """Return the sides of the first try that fits, else the fallback, and True for a fallback."""
    first = F.pad(fits.int(), (0, 1), value=1).argmax(1)  # argmax takes the first of equals
    last = fallback[..., None].expand(-1, len(fits), 1)
    chosen = torch.cat([tried, last], 2).gather(2, first.expand(2, -1)[..., None])[..., 0]
    return chosen, first == fits.shape[1]


def place(draw: Float[Tensor, "2 B"], room: Int64[Tensor, "2 B"]) -> Int64[Tensor, "2 B"]:
    """Return a uniform integer of 0..room for each draw."""
    return (draw.double() * (room + 1)).long()
