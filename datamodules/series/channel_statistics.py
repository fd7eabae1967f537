"""Mean and standard deviation of every channel: the numbers that normalise windows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from manyviews.datamodules.series.windows import Windows

AT_ONCE = 2**22  # steps that are converted to float64 together
ROUNDING = 1e-12  # of the squared mean: a smaller variance is rounding noise


class ChannelStatistics(NamedTuple):
    """The statistics of every channel.

    Attributes:
        mean: in the units of the data; 0 if the channel has no known value.
        std: standard deviation, likewise; 1 if the channel is constant.
        constant: True if the channel has at most one known value.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    constant: tuple[bool, ...]


def channel_statistics(windows: Windows) -> ChannelStatistics:
    """Return mean and standard deviation of every channel over the steps that windows cover.

    A step counts once even if several windows overlap there; missing values do not count.
    """
    channels = windows.channels
    count, total, square = (torch.zeros(channels, dtype=torch.float64) for _ in range(3))
    covered = _covered(windows).split(AT_ONCE)
    for value, seen in zip(windows.recordings.value.split(AT_ONCE), covered, strict=True):
        kept = value[seen].double()
        finite = kept.isfinite()
        known = torch.where(finite, kept, 0.0)
        count += finite.sum(0)
        total += known.sum(0)
        square += known.square().sum(0)
    mean = total / count.clamp(min=1)
    variance = square / count.clamp(min=1) - mean**2
    varies = variance > ROUNDING * mean**2
    std = torch.where(varies, variance, 1.0).sqrt()  # a constant channel is divided by 1, not by 0
    return ChannelStatistics(*(tuple(part.tolist()) for part in (mean, std, ~varies)))


def _covered(windows: Windows) -> Bool[Tensor, " S"]:
    """Return True for each step of the flat array that lies in at least one window."""
    # +1 where a window begins, -1 after its end: the running sum counts the open windows.
    edges = torch.zeros(len(windows.recordings.value) + 1, dtype=torch.int64)
    one = torch.ones_like(windows.start)
    edges.index_add_(0, windows.start, one)
    edges.index_add_(0, windows.start + windows.length, -one)
    return edges.cumsum(0)[:-1] > 0
