"""Measure a representation without labels, by its spectrum."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F


def eigenvalues(embedding: Float[Tensor, "N D"]) -> Float64[Tensor, " D"]:
    """Return the eigenvalues of (1/N) Z^T Z for normalised rows, descending; their sum is 1."""
    z = F.normalize(embedding.double(), dim=1)
    value = torch.linalg.eigvalsh(z.mT @ z / len(z)).flip(0).clamp(min=0)
    return value / value.sum().clamp(min=1e-300)  # all are 0 if every embedding is 0


def effective_rank(embedding: Float[Tensor, "N D"]) -> float:
    """Return exp of the von Neumann entropy of the spectrum: 1 (collapse) to min(N, D).

    >>> effective_rank(torch.eye(4))
    4.0
    """
    value = eigenvalues(embedding)
    return round(float(torch.exp(-torch.xlogy(value, value).sum())), 9)


def rankme(embedding: Float[Tensor, "N D"], *, epsilon: float = 1e-7) -> float:
    """Return exp of the entropy of the normalised singular values of the raw features.

    Garrido, Balestriero, Najman, LeCun: "RankMe", 2022, arXiv 2210.02885, eq. 3.
    """
    singular = torch.linalg.svdvals(embedding.double())
    p = singular / singular.sum().clamp(min=1e-300) + epsilon  # 0 if every embedding is 0
    return float(torch.exp(-(p * p.log()).sum()))
