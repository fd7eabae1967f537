"""A residual network for time series.

Wang, Yan, Oates: "Time Series Classification from Scratch with Deep Neural Networks: A Strong
Baseline", 2016, arXiv 1611.06455.
"""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.series import Pool, Pooling, SameConv1d, without_missing

KERNELS = (8, 5, 3)  # lengths of the three convolutions of a stage, in steps
WIDTHS = (64, 128, 128)  # channels of the three stages


class Residual(nn.Module):
    """A residual block relu(skip(x) + f(x)); f is three convolutions, each with batch norm.

    Args:
        inner: number of input channels.
        outer: number of output channels.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        widths = [inner, outer, outer]
        self.convs = nn.ModuleList(
            SameConv1d(w, outer, k) for w, k in zip(widths, KERNELS, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(outer) for _ in KERNELS)
        # The skip path has a batch norm even if the width stays, as in the authors' code.
        conv = [] if inner == outer else [nn.Conv1d(inner, outer, 1, bias=False)]
        self.skip = nn.Sequential(*conv, nn.BatchNorm1d(outer))

    def forward(self, x: Float[Tensor, "B c T"]) -> Float[Tensor, "B d T"]:
        """Return the activations for the next stage."""
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            y = norm(conv(y))
            y = F.relu(y) if i < len(self.convs) else y
        return F.relu(y + self.skip(x))


class ResNet1d(Backbone):
    """Three residual stages that keep the length of the series; D = 128.

    Args:
        in_channels: C.
        pool: how features are pooled over time; "mean" in the paper.
    """

    reads = "series"

    def __init__(self, in_channels: int, *, pool: Pool = "mean") -> None:
        super().__init__()
        widths = (in_channels, *WIDTHS)
        self.stages = nn.ModuleList(Residual(a, b) for a, b in pairwise(widths))
        self.pool = Pooling(pool, WIDTHS[-1])
        self.in_channels, self.embedding_dim = in_channels, WIDTHS[-1]

    def forward(self, series: Float[Tensor, "B C T"], /) -> Float[Tensor, "B D"]:
        """Return one embedding per series."""
        return self.pool(self.feature_maps(series)[-1])

    def feature_maps(self, series: Float[Tensor, "B C T"], /) -> list[Float[Tensor, "B _ T"]]:
        """Return the features of each stage, from shallow to deep."""
        x, maps = without_missing(series), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def parts_by_stage(self) -> list[list[str]]:
        """Return the name of each residual stage."""
        return [[f"stages.{i}"] for i in range(len(self.stages))]
