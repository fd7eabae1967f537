"""Features of windows that need no training: a trained encoder has to score better than these."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

BINS = 16  # Fourier bins of a channel
WEIGHTS = 9  # of a random convolution, for each of its channels


def mean_std(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N D"]:
    """Return the mean of every channel, then the standard deviation of every channel over time.

    NaN steps are left out; a channel that has only those is 0.
    """
    seen = ~series.isnan()
    steps = seen.sum(2).clamp(min=1)  # no division by 0 if a channel is all NaN
    mean = series.nansum(2) / steps
    gap = torch.where(seen, series - mean[:, :, None], 0.0)
    return torch.cat([mean, (gap.square().sum(2) / steps).sqrt()], 1).float()


def spectrum(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N D"]:
    """Return the magnitudes of the first 16 Fourier bins of every channel.

    The first bin is the sum over time. NaN steps take the channel's mean; short windows have fewer
    bins.
    """
    return torch.fft.rfft(_filled(series))[:, :, :BINS].abs().flatten(1)


def raw(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N D"]:
    """Return all values of a window in one row, channel after channel.

    NaN steps take the channel's mean; a channel that has only those is 0.
    """
    return _filled(series).flatten(1)


def random_convolutions(
    series: Float[Tensor, "N C T"], kernels: int = 500, seed: int = 0
) -> Float32[Tensor, "N D"]:
    """Return two numbers for each of many random convolutions, as in ROCKET.

    They are the share of steps at which the convolution is positive, and its largest value: 1,000
    features. Each kernel has 9 normal weights of mean 0 for each of its channels (a random part of
    all), a bias from -1 to 1 and a random dilation, so that it spans up to the whole window; the
    window is padded with zeros. Dempster, Petitjean, Webb 2020, arXiv 1910.13051; its kernels also
    have 7 and 11 weights, and half of them no padding.

    Args:
        series: normalised windows; NaN steps take the channel's mean.
        kernels: number of convolutions.
        seed: the same seed gives the same kernels.
    """
    filled, (_, channels, steps) = _filled(series), series.shape
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(kernels, channels, WEIGHTS, generator=generator)
    weight -= weight.mean(2, keepdim=True)
    # Each kernel sees between one and all channels, every number of them equally likely on a log
    # scale.
    seen = (channels + 1) ** torch.rand(kernels, 1, generator=generator)
    place = torch.rand(kernels, channels, generator=generator).argsort(1)
    weight *= (place < seen.floor())[:, :, None]
    bias = 2 * torch.rand(kernels, generator=generator) - 1
    longest = max(1.0, (steps - 1) / (WEIGHTS - 1))
    dilation = (longest ** torch.rand(kernels, generator=generator)).long()
    found = torch.empty(len(series), 2, kernels)
    for step in dilation.unique().tolist():
        at = dilation == step
        half = step * (WEIGHTS // 2)
        answer = F.conv1d(filled, weight[at], bias[at], padding=half, dilation=step)
        found[:, 0, at] = (answer > 0).float().mean(2)
        found[:, 1, at] = answer.amax(2)
    return found.flatten(1)


def _filled(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N C T"]:
    """Return the series with the channel's mean, or 0, in place of NaN."""
    mean = series.nanmean(2, keepdim=True).nan_to_num()
    return torch.where(series.isnan(), mean, series).float()
