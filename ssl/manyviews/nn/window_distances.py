"""Distances between an anchor window and its candidates; the nearest becomes the positive.

REBAR compares its own measure (backbones/rebar/candidate_distances.py) with these.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed, draws


def sliding_mse(
    anchor: Float[Tensor, "B C T"], candidates: Float[Tensor, "K B C T"]
) -> Float[Tensor, "K B"]:
    """Return min_s mean_t (a_t - c_{t+s})^2 over shifts |s| <= T/2; t runs where both overlap.

    The sum of (a - c)^2 is sum a^2 + sum c^2 - 2 sum a c. For all shifts at once, the squares come
    from running sums, and the products (the cross-correlation) from one Fourier transform.
    """
    channels, steps = anchor.shape[-2:]
    shift = torch.arange(-(steps // 2), steps // 2 + 1, device=anchor.device)
    # For a shift s the candidate's steps s ... T - 1 meet the anchor's 0 ... T - 1 - s.
    later, earlier = shift.clamp(min=0), (-shift).clamp(min=0)
    energy = _between(anchor, earlier, steps - later) + _between(candidates, later, steps - earlier)
    # Padded to 2 T: otherwise the correlation would wrap around the end of the window.
    spectra = torch.fft.rfft(anchor, 2 * steps).conj() * torch.fft.rfft(candidates, 2 * steps)
    product = torch.fft.irfft(spectra.sum(-2), 2 * steps)[..., shift]
    overlap = channels * (steps - shift.abs())
    # Rounding may leave a tiny negative number where both are equal.
    return ((energy - 2 * product) / overlap).amin(-1).clamp(min=0)


def _between(
    series: Float[Tensor, "*rows C T"], begin: Int64[Tensor, " S"], end: Int64[Tensor, " S"]
) -> Float[Tensor, "*rows S"]:
    """Return the sum of squares over channels and the steps begin <= t < end, for S intervals."""
    running = F.pad(series.square().sum(-2).cumsum(-1), (1, 0))
    return running[..., end] - running[..., begin]


def spectrum_distance(
    anchor: Float[Tensor, "B C T"], candidates: Float[Tensor, "K B C T"]
) -> Float[Tensor, "K B"]:
    """Return sum_f (|A_f| - |C_f|)^2 over channels and Fourier coefficients; it ignores phases."""
    first, second = (torch.fft.rfft(x).abs() for x in (anchor, candidates))
    return (first - second).square().sum((-1, -2))


def random_distances(
    seed: int, step: int, position: Int64[Tensor, " B"], candidates: int
) -> Float[Tensor, "K B"]:
    """Return uniform numbers in [0, 1) as distances, so that any candidate may be the positive."""
    return draws.uniform(seed, step, position, 0, "positive", candidates).mT


def oracle_distances(
    label: Int64[Tensor, "V B"], random: Float[Tensor, "K B"]
) -> Float[Tensor, "K B"]:
    """Return distances that rank all candidates of the anchor's class before all others.

    Args:
        label: class of the anchor (first row) and of its candidates; -1 if unknown.
        random: distances in [0, 1) that decide among candidates of equal standing.
    """
    same = (label[1:] == label[0]) & (label[0] >= 0)
    return random + (~same).to(random.dtype)


def precision(label: Int64[Tensor, "V B"], positive: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
    """Return the share of the anchors of known class, on all ranks, whose positive has that class.

    Args:
        label: class of the anchor (first row) and of its candidates; -1 if unknown.
        positive: index of the candidate that was chosen, 0 to K - 1.
    """
    known = label[0] >= 0
    right = known & (label[1:].gather(0, positive[None])[0] == label[0])
    counts = distributed.total(torch.stack([right.sum(), known.sum()]).float())
    return counts[0] / counts[1].clamp(min=1)
