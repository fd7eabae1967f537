"""Centred kernel alignment (CKA): how alike two layers arrange the same items, from 0 to 1.

Kornblith, Norouzi, Lee, Hinton: "Similarity of Neural Network Representations Revisited", 2019,
arXiv 1905.00414; over mini-batches as in Nguyen, Raghu, Kornblith: "Do Wide and Deep Networks Learn
the Same Things?", 2021, arXiv 2010.15327. Unbiased HSIC: Song, Smola, Gretton, Bedo, Borgwardt:
"Feature Selection via Dependence Maximization", 2012, JMLR 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

FEWEST = 4  # items in a mini-batch: the unbiased estimator divides by n - 3
PIECE = 2**14  # columns of a layer that are held in float64 at once

Layers = Sequence[Float[Tensor, "_ _"]]  # one row per item


def cka(batches: Iterable[tuple[Layers, Layers]]) -> Float64[Tensor, "L1 L2"]:
    """Return CKA = sum HSIC(K, L) / sqrt(sum HSIC(K, K) sum HSIC(L, L)), the sums over batches.

    K = X X^T and L = Y Y^T are the linear kernels of two layers. CKA(X, X) is 1; a rotation or a
    common factor of a layer changes nothing. HSIC is unbiased, so that layers that have nothing in
    common have values around 0, below it too. A layer whose rows are all equal has NaN.

    Args:
        batches: mini-batches of the same n items each, n >= 4 and 256 or more in the paper: the
            activations of L1 layers, and those of L2 layers.
    """
    cross, first, second = 0.0, 0.0, 0.0
    for layers, others in batches:
        u, v = centred_kernels(layers), centred_kernels(others)
        free = layers[0].shape[0] * (layers[0].shape[0] - 3)
        cross = cross + u @ v.mT / free
        first = first + u.square().sum(1) / free
        second = second + v.square().sum(1) / free
    scale = (torch.as_tensor(first)[:, None] * torch.as_tensor(second)).sqrt()
    return torch.where(scale > 0, torch.as_tensor(cross) / scale, torch.nan)


def centred_kernels(layers: Layers) -> Float64[Tensor, "L _"]:
    """Return the U-centred linear kernel of each layer as a row.

    The product of two rows over n (n - 3) is the unbiased HSIC of Song et al.: U-centring
    leaves out the diagonal and takes sums over rows over n - 2, the total over (n - 1) (n - 2)
    (Szekely, Rizzo 2014, arXiv 1310.2926).

    Raises:
        ValueError: there are fewer than four items.
    """
    n = layers[0].shape[0]
    if n < FEWEST:
        raise ValueError(f"CKA reads at least {FEWEST} items at once; got {n}")
    found = []
    for layer in layers:
        kernel = _kernel(layer)
        kernel.fill_diagonal_(0)
        row = kernel.sum(1)
        kernel -= (row[:, None] + row) / (n - 2) - row.sum() / ((n - 1) * (n - 2))
        found.append(kernel.fill_diagonal_(0).flatten())
    return torch.stack(found)


def _kernel(layer: Float[Tensor, "n d"]) -> Float64[Tensor, "n n"]:
    """Return (X - x_0) (X - x_0)^T in float64.

    A shift of all items changes no U-centred kernel; this one turns equal rows into exact zeros.
    """
    kernel = torch.zeros(len(layer), len(layer), dtype=torch.float64, device=layer.device)
    for piece in layer.split(PIECE, dim=1):
        x = piece.double()
        x = x - x[:1]
        kernel.addmm_(x, x.mT)
    return kernel
