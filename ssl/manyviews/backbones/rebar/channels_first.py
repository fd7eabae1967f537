"""A `DilatedNet` on many series at once, as products of matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.backbones.rebar.dilated_net import EPS, Bottleneck, DilatedNet
from manyviews.backbones.rebar.tiled_conv import TiledConv1d


class ChannelsFirst:
    """What the net makes, laid out (E, N, T): the series of all N lie in the columns of a product.

    Weights are taken as they are when it is made; no gradient reaches them.

    Args:
        net: what to evaluate.
        steps: T.
    """

    def __init__(self, net: DilatedNet, steps: int) -> None:
        self.net = net
        self.blocks = [
            (
                block,
                TiledConv1d(
                    block.conv.weight,
                    block.get_parameter("conv.bias"),
                    block.conv.dilation[0],
                    steps,
                ),
            )
            for block in cast(Iterable[Bottleneck], net.blocks)
        ]

    def __call__(self, columns: Float[Tensor, "R N T"]) -> Float[Tensor, "E N T"]:
        """One vector per step of the series whose `PartialConv1d.columns` these are."""
        x = activated_(self.net.first.of_columns(columns))
        for block, conv in self.blocks:
            bias = block.get_parameter("shrink.bias")[:, None]
            inner = torch.addmm(bias, block.shrink.weight[..., 0], x.flatten(1))
            x = activated_(conv.add_to(x, inner.unflatten(1, x.shape[1:])))
        return x


def activated_(x: Float[Tensor, "E N T"]) -> Float[Tensor, "E N T"]:
    """`activated` in place: fresh memory of this size costs as much as the arithmetic."""
    torch.ops.aten.gelu_(x)
    x.sub_(x.mean(-1, keepdim=True))
    var = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
    return x.mul_((var + EPS).rsqrt())
