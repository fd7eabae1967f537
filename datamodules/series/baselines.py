"""Features of windows that need no training: the bars a trained encoder has to clear."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32
from torch import Tensor

BINS = 16


def mean_std(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N D"]:
    """Every channel's mean, then every channel's deviation over time; NaN steps are left out.

    A channel without any step is 0.
    """
    seen = ~series.isnan()
    steps = seen.sum(2).clamp(min=1)
    mean = series.nansum(2) / steps
    gap = torch.where(seen, series - mean[:, :, None], 0.0)
    return torch.cat([mean, (gap.square().sum(2) / steps).sqrt()], 1).float()


def spectrum(series: Float[Tensor, "N C T"]) -> Float32[Tensor, "N D"]:
    """Magnitude of the first 16 Fourier bins of every channel, the sum over time being the first.

    NaN steps count as the channel's mean; short windows have fewer bins.
    """
    mean = series.nanmean(2, keepdim=True).nan_to_num()
    filled = torch.where(series.isnan(), mean, series)
    return torch.fft.rfft(filled.float())[:, :, :BINS].abs().flatten(1)
