"""Distances of candidates from their anchors: the smallest is the positive."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed, draws


def sliding_mse(
    anchor: Float[Tensor, "B C T"], candidates: Float[Tensor, "K B C T"]
) -> Float[Tensor, "K B"]:
    """Smallest mean squared error over shifts of up to T/2, on the steps where both windows lie.

    The sums of squares of all shifts come from running sums, those of products from one transform.
    """
    channels, steps = anchor.shape[-2:]
    shift = torch.arange(-(steps // 2), steps // 2 + 1, device=anchor.device)
    later, earlier = shift.clamp(min=0), (-shift).clamp(min=0)  # by how much the candidate is moved
    energy = _between(anchor, earlier, steps - later) + _between(candidates, later, steps - earlier)
    spectra = torch.fft.rfft(anchor, 2 * steps).conj() * torch.fft.rfft(candidates, 2 * steps)
    product = torch.fft.irfft(spectra.sum(-2), 2 * steps)[..., shift]
    overlap = channels * (steps - shift.abs())
    return ((energy - 2 * product) / overlap).amin(-1).clamp(min=0)


def _between(
    series: Float[Tensor, "*rows C T"], begin: Int64[Tensor, " S"], end: Int64[Tensor, " S"]
) -> Float[Tensor, "*rows S"]:
    """Sums of squares of the steps from begin to before end."""
    running = F.pad(series.square().sum(-2).cumsum(-1), (1, 0))
    return running[..., end] - running[..., begin]


def spectrum_distance(
    anchor: Float[Tensor, "B C T"], candidates: Float[Tensor, "K B C T"]
) -> Float[Tensor, "K B"]:
    """Sum of squared differences of the magnitudes of the Fourier coefficients."""
    first, second = (torch.fft.rfft(x).abs() for x in (anchor, candidates))
    return (first - second).square().sum((-1, -2))


def chance(
    seed: int, step: int, position: Int64[Tensor, " B"], candidates: int
) -> Float[Tensor, "K B"]:
    """Uniform numbers in [0, 1): any candidate may be the positive."""
    return draws.uniform(seed, step, position, 0, "positive", candidates).mT


def oracle(label: Int64[Tensor, "V B"], random: Float[Tensor, "K B"]) -> Float[Tensor, "K B"]:
    """The given distances of 0 to 1, plus 1 where the class is not the anchor's or not known.

    Args:
        label: of the anchor, then of the candidates; -1 where unknown.
        random: what decides among equals.
    """
    same = (label[1:] == label[0]) & (label[0] >= 0)
    return random + (~same).to(random.dtype)


def precision(label: Int64[Tensor, "V B"], positive: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
    """Share of the anchors of known class, of all ranks, whose positive has that class."""
    known = label[0] >= 0
    right = known & (label[1:].gather(0, positive[None])[0] == label[0])
    counts = distributed.total(torch.stack([right.sum(), known.sum()]).float())
    return counts[0] / counts[1].clamp(min=1)
