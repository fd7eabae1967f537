"""Test images that show what a training image shows, in other colours or in grey.

A change of colours (brightness, contrast, hue, another palette, grey) maps the colours of all
pixels in nearly the same linear way, so the channels of one thumbnail are linear combinations of
those of the other, up to clipping. The share of variance that such a combination explains is 1 for
a recoloured copy without clipping.

Measured on 1,500 random pictures with the spectrum of photographs (1/f to 1/f^2) and 200 copies
with torchvision's ColorJitter(0.4, 0.4, 0.4, 0.1): 95 to 99 % of the copies are found, and any hue
alone always; two different pictures reach 0.89 at most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

EXPLAINED = 0.95  # least share of the variance of a recoloured copy
NOISE = 0.02  # of the largest singular value; smaller components are rounding
MOST_PAIRS = 4 * 10**8  # about 20 s on two cores
AT_ONCE = 2**22  # pairs held in memory


def recoloured_pairs(
    thumbnail: UInt8[np.ndarray, "N 8 9 3"],
    test: Bool[np.ndarray, " N"],
    usable: Bool[np.ndarray, " N"],
) -> tuple[Int64[np.ndarray, " P"], Int64[np.ndarray, " P"]] | None:
    """Return the rows of training and test images that are recoloured copies, all pairs of them.

    Pairs of two grey images are left out: their colours cannot differ.

    Args:
        thumbnail: thumbnails of all images.
        test: True for images of the test split.
        usable: True for images that have a structure to compare.

    Returns:
        Training rows and test rows of all pairs; None if there are too many pairs to compare.
    """
    train, tested = np.flatnonzero(~test & usable), np.flatnonzero(test & usable)
    if len(train) * len(tested) > MOST_PAIRS:
        return None
    pairs = [(np.zeros(0, np.int64),) * 2, *_found(thumbnail, train, tested)]
    return np.concatenate([i for i, _ in pairs]), np.concatenate([j for _, j in pairs])


def _found(
    thumbnail: np.ndarray, train: np.ndarray, tested: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of training and test rows, for some training rows at a time."""
    if not len(tested):
        return
    basis, whole, colour = _components(thumbnail[tested])
    step = max(1, AT_ONCE // len(tested))
    for start in range(0, len(train), step):
        rows = train[start : start + step]
        other_basis, other_whole, other_colour = _components(thumbnail[rows])
        # A grey copy is explained by its colour original, but not the other way round.
        share = np.maximum(_explained(other_basis, whole), _explained(basis, other_whole).T)
        share[~(other_colour[:, None] | colour[None, :])] = 0
        i, j = np.nonzero(share > EXPLAINED)
        yield rows[i], tested[j]


def _components(
    thumbnail: UInt8[np.ndarray, "N 8 9 3"],
) -> tuple[Float32[np.ndarray, "N 72 3"], Float32[np.ndarray, "N 72 3"], Bool[np.ndarray, " N"]]:
    """Return an orthonormal basis of the channels, the channels of length 1, and who has colour."""
    flat = thumbnail.reshape(len(thumbnail), -1, 3).astype(np.float32)
    centred = flat - flat.mean(1, keepdims=True)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    basis = left * (values > NOISE * values[:, :1])[:, None, :]
    length = np.maximum(np.linalg.norm(centred, axis=(1, 2), keepdims=True), 1e-6)
    return basis, centred / length, np.ptp(flat, axis=2).max(1) > 0


def _explained(basis: np.ndarray, whole: np.ndarray) -> Float32[np.ndarray, "N M"]:
    """Return the share of the variance of each `whole` that each basis explains."""
    share = np.zeros((len(basis), len(whole)), np.float32)
    for k in range(3):
        for c in range(3):
            share += (basis[:, :, k] @ whole[:, :, c].T) ** 2
    return share
