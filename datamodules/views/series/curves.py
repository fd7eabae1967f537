"""Smooth random curves."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor


def curves(value: Float[Tensor, "*batch K"], length: int) -> Float[Tensor, "*batch {length}"]:
    """Return the cubic splines through K values at equal distances from first to last step.

    The ends are not-a-knot, scipy's default, as in the code of Um et al. (2017).
    """
    rows = _spline(value.shape[-1], length, value.dtype, value.device).unbind()
    # One knot after the other, because the last bits of a matrix product depend on the batch.
    pieces = [v[..., None] * row for v, row in zip(value.unbind(-1), rows, strict=True)]
    return sum(pieces[1:], pieces[0])


@lru_cache(maxsize=16)
def _spline(
    knots: int, length: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "{knots} {length}"]:
    """Return the splines that are 1 at one knot and 0 at the others: all splines are their sums."""
    splines = CubicSpline(np.linspace(0, 1, knots), np.eye(knots))(np.linspace(0, 1, length))
    return torch.tensor(splines.T, dtype=dtype, device=device)
