"""A `DilatedNet` on many series at once, as products of matrices."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from manyviews.nn.dilated_net import EPS, DilatedNet
from manyviews.nn.tiled_conv import TiledConv1d


class ChannelsFirst:
    """What the net makes, laid out (E, N, T): the series of all N lie in the columns of a product.

    Weights are taken as they are when it is made; no gradient reaches them.

    Args:
        net: what to evaluate.
        steps: T.
    """

    def __init__(self, net: DilatedNet, steps: int) -> None:
        self.net = net
        self.convs = [TiledConv1d(b.conv.weight, b.conv.dilation[0], steps) for b in net.blocks]

    def __call__(
        self, series: Float[Tensor, "C N T"], observed: Bool[Tensor, "#N T"] | None = None
    ) -> Float[Tensor, "E N T"]:
        """One vector per step; None: all are observed."""
        x = activated_(self.net.first.channels_first(series, observed))
        for block, conv in zip(self.net.blocks, self.convs, strict=True):
            weight, bias = block.shrink.weight[..., 0], block.shrink.bias[:, None]
            inner = torch.addmm(bias, weight, x.flatten(1)).unflatten(1, x.shape[1:])
            x = activated_(conv(inner).add_(x).add_(block.conv.bias[:, None, None]))
        return x


def activated_(x: Float[Tensor, "E N T"]) -> Float[Tensor, "E N T"]:
    """`activated` in place: fresh memory of this size costs as much as the arithmetic."""
    torch.ops.aten.gelu_(x)
    x.sub_(x.mean(-1, keepdim=True))
    var = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
    return x.mul_((var + EPS).rsqrt())
