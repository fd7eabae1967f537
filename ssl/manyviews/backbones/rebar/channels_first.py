"""A `DilatedNet` evaluated on many short series at once, in the layout (E, N, T).

With the channels first, the steps of all N series are the columns of one matrix, so that a 1 x 1
convolution is a single product; torch's own layout (N, E, T) would need N small ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews.backbones.rebar.dilated_net import EPS, Bottleneck, DilatedNet


def forward_columns(net: DilatedNet, columns: Float[Tensor, "R N T"]) -> Float[Tensor, "E N T"]:
    """Return the output of `net`, one vector per step of every series; call it without gradient.

    Args:
        net: the network to evaluate.
        columns: the series as `PartialConv1d.columns` lays them out for the first convolution.
    """
    x = activate_(net.first.of_columns(columns))
    for block in cast(Iterable[Bottleneck], net.blocks):
        bias = block.get_parameter("shrink.bias")[:, None]
        inner = torch.addmm(bias, block.shrink.weight[..., 0], x.flatten(1))
        x = activate_(x.add_(_convolve(block, inner.unflatten(1, x.shape[1:]))))
    return x


def _convolve(block: Bottleneck, inner: Float[Tensor, "e N T"]) -> Float[Tensor, "E N T"]:
    """Return the block's dilated convolution over time, applied to each of the N series."""
    conv = block.conv
    # To conv2d, N series of T steps are one image of N x T pixels: a kernel of height 1 convolves
    # each row by itself and needs no transposed copy.
    return F.conv2d(
        inner,
        conv.weight[:, :, None],
        block.get_parameter("conv.bias"),
        padding=(0, int(conv.padding[0])),
        dilation=(1, conv.dilation[0]),
    )


def activate_(x: Float[Tensor, "E N T"]) -> Float[Tensor, "E N T"]:
    """Apply `dilated_net.activate` in place: GELU, then mean 0 and deviation 1 over time."""
    # In place, because fresh memory of this size costs as much as the arithmetic.
    torch.ops.aten.gelu_(x)
    x.sub_(x.mean(-1, keepdim=True))
    # The mean is gone, so the mean square is the variance.
    var = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1]
    return x.mul_((var + EPS).rsqrt())
