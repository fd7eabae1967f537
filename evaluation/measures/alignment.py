"""Alignment and uniformity of normalised features on the sphere.

Wang, Isola: "Understanding Contrastive Representation Learning through Alignment and Uniformity on
the Hypersphere", 2020, arXiv 2005.10242. Both are better if they are lower.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews.evaluation.measures.spectrum import PIECE
from manyviews.evaluation.measures.undefined import Undefined


def alignment(features: Float[Tensor, "n q D"]) -> float:
    """Return the mean of |a - b|^2 over all pairs of views of one sample: 0 to 4.

    Args:
        features: features of q views of each of n samples.

    Raises:
        Undefined: there are fewer than two views.
    """
    n, q, dim = features.shape
    if q < 2:
        raise Undefined(f"alignment compares 2 or more views of a sample; got {q}")
    total = 0.0
    for some in features.split(max(1, PIECE // (q * dim))):
        unit = F.normalize(some.double(), dim=2)
        # Over the pairs of one sample: sum |a - b|^2 = q sum |a|^2 - |sum a|^2.
        total += float(q * unit.square().sum() - unit.sum(1).square().sum())
    return total / (n * q * (q - 1) / 2)


def uniformity(embedding: Float[Tensor, "N D"], *, t: float = 2.0) -> float:
    """Return log of the mean of exp(-t |a - b|^2) over all pairs of embeddings: at most 0.

    It is 0 if all are equal. Memory stays bounded, time grows with N^2.

    Args:
        embedding: one row per item.
        t: how local the measure is.

    Raises:
        Undefined: there are fewer than two embeddings.
    """
    rows = len(embedding)
    if rows < 2:
        raise Undefined("uniformity compares 2 or more embeddings; got 1")
    unit, total = F.normalize(embedding, dim=1), 0.0
    square, length = unit.square().sum(1), max(1, PIECE // rows)
    for first in range(0, rows, length):
        # The rows of this piece with themselves and all later rows: every pair occurs once.
        some = slice(first, first + length)
        distance = square[some, None] + square[first:] - 2 * unit[some] @ unit[first:].mT
        near = distance.clamp(min=0).mul(-t).exp().triu(1)
        total += float(near.sum(dtype=torch.float64))
    return math.log(total / (rows * (rows - 1) / 2))
