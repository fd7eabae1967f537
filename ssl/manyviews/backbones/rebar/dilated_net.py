"""The convolutional net that makes the queries, keys and values of REBAR's attention."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.rebar.partial_conv import PartialConv1d

EPS = 1e-5  # of the norms


class Bottleneck(nn.Module):
    """norm(gelu(x + W2 * W1 x)): W1 shrinks the channels, W2 is a dilated convolution.

    Args:
        width: E.
        kernel: steps, odd.
        dilation: steps between its taps.
    """

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        inner, reach = width // 8, kernel // 2 * dilation
        self.shrink = nn.Conv1d(width, inner, 1)
        self.conv = nn.Conv1d(inner, width, kernel, padding=reach, dilation=dilation)

    def forward(self, x: Float[Tensor, "B E T"]) -> Float[Tensor, "B E T"]:
        """Activations of the next block."""
        return activated(self.conv(self.shrink(x)) + x)


class DilatedNet(nn.Module):
    """A partial convolution, then bottlenecks whose dilation doubles.

    Args:
        channels: C.
        width: E.
        blocks: n bottlenecks with dilations 1, 2, ..., 2^(n-1): 1 + (kernel - 1) 2^n steps are
            seen.
        kernel: steps, odd.
    """

    def __init__(self, channels: int, width: int, blocks: int, kernel: int) -> None:
        super().__init__()
        self.first = PartialConv1d(channels, width, kernel)
        self.blocks = nn.Sequential(*(Bottleneck(width, kernel, 2**i) for i in range(blocks)))

    def forward(
        self, series: Float[Tensor, "B C T"], observed: Bool[Tensor, "#B T"] | None = None
    ) -> Float[Tensor, "B E T"]:
        """One vector per step; the mask acts on the first convolution alone."""
        return self.blocks(activated(self.first(series, observed)))


def activated(x: Float[Tensor, "B E T"]) -> Float[Tensor, "B E T"]:
    """GELU, then mean 0 and deviation 1 over time."""
    # A group norm of one channel each is an instance norm, in a third of the time.
    return F.group_norm(F.gelu(x), x.shape[1], eps=EPS)
