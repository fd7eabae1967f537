"""alpha-ReQ: how fast the eigenvalues of the covariance fall, as the exponent of a power law.

Agrawal, Mondal, Ghosh, Richards: "alpha-ReQ: Assessing Representation Quality in Self-Supervised
Learning by measuring eigenspectrum decay", 2022.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from manyviews.evaluation.measures.undefined import Undefined

WINDOW = (11, 100)  # first and last index that the fit reads, as in the authors' later code
WIDE_WINDOW = (3, 100)  # less biased where there are few embeddings
FEWEST = 90  # positive eigenvalues that a fit needs


class PowerLaw(NamedTuple):
    """A fit lambda_i = c i^-alpha.

    Attributes:
        alpha: the exponent; 0 is a flat spectrum.
        r2: weighted coefficient of determination of the fit in logarithms, at most 1.
        first: first index that was read, from 1.
        last: last index that was read.
    """

    alpha: float
    r2: float
    first: int
    last: int


def alpha_req(eigenvalue: Float64[Tensor, " K"], window: tuple[int, int] = WINDOW) -> PowerLaw:
    """Return the weighted least-squares line of log lambda_i on log i, with weights 1/i.

    Args:
        eigenvalue: eigenvalues of the covariance (of centred embeddings), descending; their scale
            does not matter.
        window: first and last index that the fit reads, counted from 1.

    Raises:
        Undefined: fewer than 90 eigenvalues in the window are positive.
    """
    first, last = window
    value = eigenvalue[first - 1 : last]
    value = value[value > 0]
    if len(value) < FEWEST:
        raise Undefined(
            f"alpha-ReQ is fitted to eigenvalues {first} to {last} and needs {FEWEST} positive "
            f"ones; these features have {len(value)} there"
        )
    index = torch.arange(first, first + len(value), dtype=value.dtype, device=value.device)
    x, y, weight = index.log(), value.log(), 1 / index
    weight = weight / weight.sum()
    x, y = x - (weight * x).sum(), y - (weight * y).sum()
    slope = (weight * x * y).sum() / (weight * x * x).sum()
    left, total = (weight * (y - slope * x).square()).sum(), (weight * y * y).sum()
    # A flat spectrum has no variance to explain but rounding; the line fits it exactly.
    r2 = 1 - float(left / total) if float(total) > 1e-20 else 1.0
    return PowerLaw(-float(slope), r2, first, first + len(value) - 1)
