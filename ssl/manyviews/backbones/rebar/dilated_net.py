"""The convolutional net that makes the queries, keys and values of REBAR's attention."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from manyviews.backbones.rebar.partial_conv import PartialConv1d

EPS = 1e-5  # added to the variance in the norms, as by torch's instance norm


class Bottleneck(nn.Module):
    """A residual block: norm(gelu(x + W2 * W1 x)).

    W1 is a 1 x 1 convolution to an eighth of the channels, W2 a dilated convolution back to E.

    Args:
        width: E, a multiple of 8.
        kernel: length of W2 in steps, odd.
        dilation: distance between the taps of W2 in steps.
    """

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        inner, reach = width // 8, kernel // 2 * dilation
        self.shrink = nn.Conv1d(width, inner, 1)
        self.conv = nn.Conv1d(inner, width, kernel, padding=reach, dilation=dilation)

    def forward(self, x: Float[Tensor, "B E T"]) -> Float[Tensor, "B E T"]:
        """Return the activations for the next block."""
        return activate(self.conv(self.shrink(x)) + x)


class DilatedNet(nn.Module):
    """A partial convolution, then bottlenecks whose dilation doubles from block to block.

    An output step sees 1 + (kernel - 1) 2^n input steps.

    Args:
        channels: C.
        width: E.
        blocks: n, the number of bottlenecks; their dilations are 1, 2, ..., 2^(n-1).
        kernel: length of every convolution in steps, odd.
    """

    def __init__(self, channels: int, width: int, blocks: int, kernel: int) -> None:
        super().__init__()
        self.first = PartialConv1d(channels, width, kernel)
        self.blocks = nn.Sequential(*(Bottleneck(width, kernel, 2**i) for i in range(blocks)))

    def forward(
        self, series: Float[Tensor, "B C T"], observed: Bool[Tensor, "#B T"] | None = None
    ) -> Float[Tensor, "B E T"]:
        """Return one vector per step; only the first convolution looks at the mask."""
        return self.blocks(activate(self.first(series, observed)))


def activate(x: Float[Tensor, "B E T"]) -> Float[Tensor, "B E T"]:
    """Apply GELU, then normalise each channel to mean 0 and deviation 1 over time."""
    # A group norm of one channel each is an instance norm, in a third of the time.
    return F.group_norm(F.gelu(x), x.shape[1], eps=EPS)
