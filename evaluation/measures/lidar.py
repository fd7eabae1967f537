"""LiDAR: the rank of what distinguishes samples, measured against what differs between their views.

Thilak et al.: "LiDAR: Sensing Linear Probing Performance in Joint Embedding SSL Architectures",
2023, arXiv 2312.04000. Every sample is a class, and its views are the members of that class.

A high value alone says nothing: views without anything in common have a high one, too. The Fisher
ratio stands beside it, because it tells the two apart.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from manyviews.evaluation.measures.spectrum import COLLAPSED, PIECE, entropy_rank
from manyviews.evaluation.measures.undefined import Undefined

DELTA = 1e-4  # added to the variances within, which makes them invertible
EPSILON = 1e-8  # added to every share of the spectrum


class Scatter(NamedTuple):
    """Covariances between samples and within them.

    Attributes:
        between: covariance of the samples' means, over n - 1.
        within: covariance of the views around their sample's mean, over n (q - 1).
        samples: number of samples n.
        views: number of views q of each sample.
    """

    between: Float64[Tensor, "D D"]
    within: Float64[Tensor, "D D"]
    samples: int
    views: int


def scatter(features: Float[Tensor, "n q D"]) -> Scatter:
    """Return the covariances between samples and within them, in float64 on the features' device.

    Args:
        features: features of q views of each of n samples. They come as one tensor, so that views
            of different samples cannot be taken for views of one.

    Raises:
        Undefined: there are fewer than two samples or two views, or all features are equal.
    """
    n, q, dim = features.shape
    if n < 2 or q < 2:
        raise Undefined(
            f"LiDAR compares 2 or more samples by 2 or more views of each; got {n} and {q}"
        )
    within = features.new_zeros(dim, dim, dtype=torch.float64)
    means, length = [], 0.0
    for some in features.split(max(1, PIECE // (q * dim))):
        x = some.double()
        means.append(x.mean(1))
        length += float(x.square().sum()) / (n * q)
        rest = (x - means[-1][:, None]).flatten(0, 1)
        within.addmm_(rest.mT, rest, alpha=1 / (n * (q - 1)))
    mean = torch.cat(means)
    mean = mean - mean.mean(0)
    between = mean.mT @ mean / (n - 1)
    if float(between.trace() + within.trace()) <= COLLAPSED**2 * length:
        raise Undefined("collapsed: the features of all views of all samples are equal")
    return Scatter(between, within, n, q)


def lidar(found: Scatter, *, delta: float = DELTA) -> float:
    """Return exp of the entropy of the eigenvalues of W^-1/2 B W^-1/2, from 1 to min(n - 1, D).

    B is the covariance between samples, W the one within plus `delta` on its diagonal.

    Args:
        found: covariances between and within; LiDAR needs n >= 2 D to be free of n.
        delta: added to the diagonal of the covariance within.

    Raises:
        Undefined: all samples have the same mean.
    """
    variance, basis = torch.linalg.eigh(found.within)
    whitening = basis * (variance.clamp(min=0) + delta).rsqrt()
    value = torch.linalg.eigvalsh(whitening.mT @ found.between @ whitening).clamp(min=0)
    if not float(value.sum()) > 0:
        raise Undefined("collapsed: the mean of the views is the same for every sample")
    return entropy_rank(value, EPSILON)


def fisher_ratio(found: Scatter) -> float:
    """Return tr B / tr W, without `delta` in W: variance between samples over variance within.

    Views with nothing in common give 1/q, their means differing by chance alone.

    Raises:
        Undefined: all views of every sample have the same features.
    """
    within = float(found.within.trace())
    if within <= COLLAPSED**2 * float(found.between.trace()):
        raise Undefined("all views of a sample have the same features: the ratio is infinite")
    return float(found.between.trace()) / within
