"""Features of windows that need no training: a trained encoder has to score better than these."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32
from torch import Tensor

BINS = 16  # Fourier bins of a channel


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
    mean = series.nanmean(2, keepdim=True).nan_to_num()
    filled = torch.where(series.isnan(), mean, series)
    return torch.fft.rfft(filled.float())[:, :, :BINS].abs().flatten(1)
