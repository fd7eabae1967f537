"""Partial convolution: a convolution over the observed steps of a series only.

Liu, Reda, Shih, Wang, Tao, Catanzaro: "Image Inpainting for Irregular Holes Using Partial
Convolutions", 2018, arXiv 1804.07723, eq. 1. Here all channels of a step share one mask value.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class PartialConv1d(nn.Module):
    """A convolution W * (x m) that is rescaled by the share of its kernel that it could see.

    y = (W * (x m)) kernel / seen + bias, where `seen` counts the observed steps under the kernel;
    y = 0, without the bias, if there is none. The zero padding counts as missing, so the outputs
    near both ends are rescaled even if no mask is given.

    Args:
        in_channels: C.
        out_channels: E.
        kernel: length in steps, odd.
        dilation: distance between the taps of the kernel in steps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1
    ) -> None:
        super().__init__()
        self.kernel, self.dilation, self.reach = kernel, dilation, kernel // 2 * dilation
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))
        bound = self.weight[0].numel() ** -0.5  # the initialisation of torch's own convolutions
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self, series: Float[Tensor, "B C T"], observed: Bool[Tensor, "#B T"] | None = None
    ) -> Float[Tensor, "B E T"]:
        """Return as many steps as came in; `observed` None means that all are observed."""
        seen = _seen(series, observed)[:, None]
        factor = self._factor(seen)
        raw = self._conv(series * seen, self.weight)
        return torch.addcmul(self.bias[:, None] * (factor > 0), raw, factor)

    def columns(
        self, series: Float[Tensor, "C N T"], observed: Bool[Tensor, "#N T"] | None = None
    ) -> Float[Tensor, "R N T"]:
        """Return the inputs under the kernel at each step as a column of R = C kernel + 1 numbers.

        The last row multiplies the bias: 1, or 0 if the kernel sees nothing. The columns do not
        depend on the weights, so nets that read the same series share them; `of_columns` turns them
        into the outputs of `forward`.
        """
        seen = _seen(series, observed)
        factor = self._factor(seen[:, None])[:, 0]
        padded = F.pad(series * seen, (self.reach, self.reach))
        # (C, kernel, N, T): for each tap of the kernel, the series as that tap sees it.
        taps = padded.unfold(2, series.shape[-1], self.dilation).transpose(1, 2)
        columns = series.new_empty(taps.shape[0] * self.kernel + 1, *series.shape[1:])
        torch.mul(taps, factor, out=columns[:-1].view(taps.shape))
        columns[-1] = factor > 0
        return columns

    def of_columns(self, columns: Float[Tensor, "R N T"]) -> Float[Tensor, "E N T"]:
        """Return what `forward` returns, as one product: faster for many series of few channels."""
        rows = torch.cat([self.weight.flatten(1), self.bias[:, None]], 1)
        return (rows @ columns.flatten(1)).unflatten(1, columns.shape[1:])

    def _factor(self, seen: Float[Tensor, "B 1 T"]) -> Float[Tensor, "B 1 T"]:
        """Return kernel / seen at each step, 0 if the kernel sees nothing there."""
        # A convolution with ones counts the observed steps under the kernel.
        count = self._conv(seen, seen.new_ones(1, 1, self.kernel))
        return self.kernel / count.clamp(min=1) * (count > 0)

    def _conv(
        self, x: Float[Tensor, "B c T"], weight: Float[Tensor, "e c kernel"]
    ) -> Float[Tensor, "B e T"]:
        """Convolve with zero padding that keeps the length."""
        return F.conv1d(x, weight, padding=self.reach, dilation=self.dilation)


def _seen(
    series: Float[Tensor, "_ _ T"], observed: Bool[Tensor, "N T"] | None
) -> Float[Tensor, "_ T"]:
    """Return the mask as numbers: 1 where a step is observed."""
    if observed is None:
        return series.new_ones(1, series.shape[-1])
    return observed.to(series.dtype)
