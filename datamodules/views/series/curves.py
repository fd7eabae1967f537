"""Smooth random curves."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

from manyviews.errors import ConfigError


def curves(value: Float[Tensor, "*batch K"], length: int) -> Float[Tensor, "*batch {length}"]:
    """The cubic splines through K values at equal distances, the first and last step among them.

    With the not-a-knot ends of scipy's default, as in the code of Um et al. (2017).
    """
    rows = _spline(value.shape[-1], length, value.dtype, value.device).unbind()
    # One knot after the other: in a matrix product the last bits depend on the rest of the batch.
    pieces = [v[..., None] * row for v, row in zip(value.unbind(-1), rows, strict=True)]
    return sum(pieces[1:], pieces[0])


@lru_cache(maxsize=16)
def _spline(
    knots: int, length: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "{knots} {length}"]:
    """The splines through 1 at one knot and 0 at the others: every spline is a sum of these."""
    splines = CubicSpline(np.linspace(0, 1, knots), np.eye(knots))(np.linspace(0, 1, length))
    return torch.tensor(splines.T, dtype=dtype, device=device)


def check_knots(operation: str, knots: int) -> None:
    """Refuse a curve without knots between its ends.

    Raises:
        ConfigError: fewer than one.
    """
    if knots < 1:
        raise ConfigError(f"{operation} knots={knots}; allowed: 1 or more")
