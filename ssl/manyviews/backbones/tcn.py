"""The dilated convolutional encoder of TS2Vec, which REBAR trains.

Yue, Wang, Duan, Yang, Huang, Tong, Xu: "TS2Vec: Towards Universal Representation of Time Series",
2021, arXiv 2106.10466.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.series import Pool, Pooling, without_missing
from manyviews.ranges import Layers, Share, Size, within_ranges


def _conv(inner: int, outer: int, dilation: int) -> nn.Conv1d:
    """Return a convolution of three taps that keeps the length."""
    return nn.Conv1d(inner, outer, 3, padding=dilation, dilation=dilation)


class Block(nn.Module):
    """A residual block x + conv(gelu(conv(gelu(x)))).

    Args:
        inner: number of input channels.
        outer: number of output channels.
        dilation: distance between the taps of both convolutions in steps.
        project: True puts a 1 x 1 convolution on x, which is there anyway if the width changes.
    """

    def __init__(self, inner: int, outer: int, dilation: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = _conv(inner, outer, dilation)
        self.conv2 = _conv(outer, outer, dilation)
        self.skip = nn.Conv1d(inner, outer, 1) if project or inner != outer else nn.Identity()

    def forward(self, x: Float[Tensor, "B c T"]) -> Float[Tensor, "B d T"]:
        """Return the activations for the next block."""
        return self.skip(x) + self.conv2(F.gelu(self.conv1(F.gelu(x))))


class TCN(Backbone):
    """TS2Vec's encoder: a linear layer at each step, then residual blocks whose dilation doubles.

    A feature sees 1 + 4 (2^(depth + 1) - 1) steps.

    Args:
        in_channels: C.
        hidden_dim: width of all blocks but the last.
        depth: number of blocks before the last; their dilations are 1, 2, 4, ...
        embedding_dim: D, width of the last block.
        dropout: probability of dropping a feature while training.
        pool: how features are pooled over time.
    """

    reads = "series"

    @within_ranges
    def __init__(
        self,
        in_channels: Size,
        *,
        hidden_dim: Size = 64,
        depth: Layers = 10,
        embedding_dim: Size = 320,
        dropout: Share = 0.1,
        pool: Pool = "max",
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(in_channels, hidden_dim)
        widths = [hidden_dim] * (depth + 1) + [embedding_dim]
        # As in the official code, the last block has a projection even if the width stays the same.
        self.blocks = nn.ModuleList(
            Block(widths[i], widths[i + 1], 2**i, project=i == depth) for i in range(depth + 1)
        )
        self.dropout = nn.Dropout(dropout)
        self.pool = Pooling(pool, embedding_dim)
        self.in_channels, self.embedding_dim = in_channels, embedding_dim

    def forward(self, series: Float[Tensor, "B C T"], /) -> Float[Tensor, "B D"]:
        """Return one embedding per series."""
        return self.pool(self.dropout(self.feature_maps(series)[-1]))

    def feature_maps(self, series: Float[Tensor, "B C T"], /) -> list[Float[Tensor, "B _ T"]]:
        """Return the features of each block, from shallow to deep."""
        # nn.Linear acts on the last axis: transposed, it mixes the channels of each step.
        x = self.stem(without_missing(series).mT).mT
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps

    def parts_by_stage(self) -> list[list[str]]:
        """Return the name of each block; the linear layer counts with the first."""
        return [["stem", "blocks.0"], *([f"blocks.{i}"] for i in range(1, len(self.blocks)))]
