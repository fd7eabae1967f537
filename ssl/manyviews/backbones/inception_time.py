"""InceptionTime: inception modules for time series.

Ismail Fawaz, Lucas, Forestier, Pelletier, Schmidt, Weber, Webb, Idoumghar, Muller, Petitjean:
"InceptionTime: Finding AlexNet for Time Series Classification", 2019, arXiv 1909.04939. This is one
network of their ensemble of five.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.series import Pool, Pooling, SameConv1d, without_missing

KERNELS = (40, 20, 10)  # lengths of the three convolutions in steps
FILTERS = 32  # output channels of each branch, and of the bottleneck
DEPTH = 6  # number of inception modules
SPAN = 3  # number of modules that one shortcut bypasses


class Inception(nn.Module):
    """An inception module: relu(norm([three convolutions of a bottleneck, conv1(max pool)])).

    Args:
        inner: number of input channels.
    """

    def __init__(self, inner: int) -> None:
        super().__init__()
        # A single channel needs no bottleneck, which is there to reduce channels.
        self.bottleneck = nn.Conv1d(inner, FILTERS, 1, bias=False) if inner > 1 else nn.Identity()
        width = FILTERS if inner > 1 else 1
        self.convs = nn.ModuleList(SameConv1d(width, FILTERS, k) for k in KERNELS)
        self.largest = nn.Conv1d(inner, FILTERS, 1, bias=False)
        self.norm = nn.BatchNorm1d(FILTERS * (len(KERNELS) + 1))

    def forward(self, x: Float[Tensor, "B c T"]) -> Float[Tensor, "B d T"]:
        """Return the activations for the next module."""
        small = self.bottleneck(x)
        around = F.max_pool1d(x, 3, stride=1, padding=1)
        branches = [*(conv(small) for conv in self.convs), self.largest(around)]
        return F.relu(self.norm(torch.cat(branches, 1)))


class InceptionTime(Backbone):
    """Six inception modules with a shortcut around every three; D = 128.

    Args:
        in_channels: C.
        pool: how features are pooled over time; "mean" in the paper.
    """

    reads = "series"

    def __init__(self, in_channels: int, *, pool: Pool = "mean") -> None:
        super().__init__()
        width = FILTERS * (len(KERNELS) + 1)
        self.inceptions = nn.ModuleList(
            Inception(width if i else in_channels) for i in range(DEPTH)
        )
        self.shortcuts = nn.ModuleList(
            nn.Sequential(nn.Conv1d(w, width, 1, bias=False), nn.BatchNorm1d(width))
            for w in (in_channels, *[width] * (DEPTH // SPAN - 1))
        )
        self.pool = Pooling(pool, width)
        self.in_channels, self.embedding_dim = in_channels, width

    def forward(self, series: Float[Tensor, "B C T"], /) -> Float[Tensor, "B D"]:
        """Return one embedding per series."""
        return self.pool(self.feature_maps(series)[-1])

    def feature_maps(self, series: Float[Tensor, "B C T"], /) -> list[Float[Tensor, "B _ T"]]:
        """Return the features after each shortcut, from shallow to deep."""
        x, maps = without_missing(series), []
        for i, shortcut in enumerate(self.shortcuts):
            y = x
            for module in self.inceptions[i * SPAN : (i + 1) * SPAN]:
                y = module(y)
            x = F.relu(y + shortcut(x))
            maps.append(x)
        return maps

    def parts_by_stage(self) -> list[list[str]]:
        """Return two stages, each of three modules and their shortcut."""
        return [
            [*(f"inceptions.{m}" for m in range(i * SPAN, (i + 1) * SPAN)), f"shortcuts.{i}"]
            for i in range(len(self.shortcuts))
        ]
