"""Measure a representation without labels, by its spectrum.

The field has several conventions for the "rank" of a representation, and their values differ. Here
`rankme` reads singular values of the raw embeddings, `effective_rank` reads eigenvalues, which are
their squares, of normalised rows; both can be asked for centred embeddings, too, by way of
`singular_values(embedding, centred=True)` and `entropy_rank`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from manyviews.evaluation.measures.undefined import Undefined

PIECE = 2**22  # float64 numbers that are held beside the embeddings and the matrix: 32 MB
EPSILON = 1e-7  # of RankMe, added to every share of the spectrum
COLLAPSED = 1e-5  # deviation from the mean, as a share of the length, that is float32 rounding


def singular_values(
    embedding: Float[Tensor, "N D"], *, centred: bool = False
) -> Float64[Tensor, " K"]:
    """Return the K = min(N, D) singular values, descending; those that are rounding are 0.

    They are square roots of eigenvalues of a K x K matrix, so that memory does not grow with N;
    values below about 1e-6 of the largest are lost in its rounding.

    Args:
        embedding: finite numbers; the work is done on their device, in float64.
        centred: True subtracts the mean of every column first.

    Raises:
        Undefined: they are centred, and all embeddings are equal up to rounding.
    """
    mean = _mean(embedding) * centred
    value = torch.linalg.eigvalsh(_gram(embedding, mean)).flip(0).clamp(min=0)
    varied, length = float(value.sum()), len(embedding) * float(mean.square().sum())
    if centred and varied <= COLLAPSED**2 * (varied + length):
        raise Undefined("collapsed: all embeddings are equal up to rounding")
    rounding = max(embedding.shape) * torch.finfo(value.dtype).eps * value[0]
    return value.where(value > rounding, 0.0).sqrt()


def covariance_eigenvalues(z: Float[Tensor, "N D"]) -> Float64[Tensor, " K"]:
    """Return the K = min(N, D) eigenvalues of the covariance of the rows over N, descending."""
    return torch.linalg.eigvalsh(_gram(z, _mean(z)) / len(z)).flip(0).clamp(min=0)


def _gram(z: Float[Tensor, "N D"], shift: Float64[Tensor, " D"]) -> Float64[Tensor, "K K"]:
    """Return the smaller of Z^T Z and Z Z^T, which have the same non-zero eigenvalues."""
    tall = z.shape[0] >= z.shape[1]
    length = max(1, PIECE // min(z.shape))
    gram = z.new_zeros(min(z.shape), min(z.shape), dtype=torch.float64)
    for first in range(0, max(z.shape), length):  # pieces of the longer side
        some = slice(first, first + length)
        x = z[some].double() - shift if tall else (z[:, some].double() - shift[some]).mT
        gram.addmm_(x.mT, x)
    return gram


def _mean(z: Float[Tensor, "N D"]) -> Float64[Tensor, " D"]:
    """Return the mean row, in float64 without a copy of all rows in float64."""
    pieces = z.split(max(1, PIECE // z.shape[1]))
    return torch.stack([piece.double().sum(0) for piece in pieces]).sum(0) / len(z)


def eigenvalues(embedding: Float[Tensor, "N D"]) -> Float64[Tensor, " K"]:
    """Return the eigenvalues of (1/N) Z^T Z for normalised rows, descending; their sum is 1.

    There are K = min(N, D) of them; all are 0 if every embedding is 0.
    """
    value = singular_values(F.normalize(embedding, dim=1)).square()
    return value / value.sum().clamp(min=1e-300)


def entropy_rank(weight: Float64[Tensor, " K"], epsilon: float = 0.0) -> float:
    """Return exp(-sum_k p_k log p_k) of the shares p = weight / sum + epsilon: 1 to K.

    Args:
        weight: eigenvalues or singular values, none of them negative.
        epsilon: added to every share.

    >>> entropy_rank(torch.ones(4, dtype=torch.float64))
    4.0
    """
    p = weight / weight.sum().clamp(min=1e-300) + epsilon  # 0 if every weight is 0
    return round(float(torch.exp(-torch.xlogy(p, p).sum())), 9)


def effective_rank(embedding: Float[Tensor, "N D"]) -> float:
    """Return exp of the von Neumann entropy of normalised rows: 1 (collapse) to min(N, D).

    Kim et al.: "VNE", 2023, arXiv 2304.01434, eq. 2.

    >>> effective_rank(torch.eye(4))
    4.0
    """
    return entropy_rank(eigenvalues(embedding))


def rankme(embedding: Float[Tensor, "N D"]) -> float:
    """Return exp of the entropy of the normalised singular values of the raw embeddings.

    They are neither centred nor normalised. The authors compare it between runs of one method only.

    Garrido, Balestriero, Najman, LeCun: "RankMe", 2022, arXiv 2210.02885, eq. 3.
    """
    return entropy_rank(singular_values(embedding), EPSILON)
