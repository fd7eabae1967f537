"""Normal numbers, made of uniform ones."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def normals(draws: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return standard normal numbers: the quantiles of uniform numbers in [0, 1) of 24 bits.

    The smallest and the largest draw, 0 and 1 - 2**-24, give -5.42 and 5.42.
    """
    # The middle of each of the 2**24 steps, from -1 to 1: exact in float32, never -1 or 1.
    return math.sqrt(2) * torch.erfinv(2 * draws - 1 + 2.0**-24)
