"""Convolution of what was observed.

Liu, Reda, Shih, Wang, Tao, Catanzaro: "Image Inpainting for Irregular Holes Using Partial
Convolutions", 2018, arXiv 1804.07723. A mask is the same for all channels here.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class PartialConv1d(nn.Module):
    """(W * (x m)) kernel / observed + bias; 0, without bias, where the kernel sees nothing.

    The padding counts as missing: the factor acts at the borders without a mask, too.

    Args:
        in_channels: C.
        out_channels: E.
        kernel: steps, odd.
        dilation: steps between its taps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1
    ) -> None:
        super().__init__()
        self.kernel, self.dilation, self.reach = kernel, dilation, kernel // 2 * dilation
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))
        bound = self.weight[0].numel() ** -0.5  # as torch's own convolutions begin
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self, series: Float[Tensor, "B C T"], observed: Bool[Tensor, "#B T"] | None = None
    ) -> Float[Tensor, "B E T"]:
        """As many steps as came in; None: all are observed."""
        seen = _seen(series, observed)[:, None]
        factor = self._factor(seen)
        raw = self._conv(series * seen, self.weight)
        return torch.addcmul(self.bias[:, None] * (factor > 0), raw, factor)

    def columns(
        self, series: Float[Tensor, "C N T"], observed: Bool[Tensor, "#N T"] | None = None
    ) -> Float[Tensor, "R N T"]:
        """What the kernel sees at each step, and a 1 for the bias: R = C kernel + 1 rows.

        The same for all convolutions of one kernel; `of_columns` goes on from here.
        """
        seen = _seen(series, observed)
        factor = self._factor(seen[:, None])[:, 0]
        padded = F.pad(series * seen, (self.reach, self.reach))
        taps = padded.unfold(2, series.shape[-1], self.dilation).transpose(1, 2)
        columns = series.new_empty(taps.shape[0] * self.kernel + 1, *series.shape[1:])
        torch.mul(taps, factor, out=columns[:-1].view(taps.shape))
        columns[-1] = factor > 0
        return columns

    def of_columns(self, columns: Float[Tensor, "R N T"]) -> Float[Tensor, "E N T"]:
        """What `forward` makes, as one product: faster for many series of few channels."""
        rows = torch.cat([self.weight.flatten(1), self.bias[:, None]], 1)
        return (rows @ columns.flatten(1)).unflatten(1, columns.shape[1:])

    def _factor(self, seen: Float[Tensor, "B 1 T"]) -> Float[Tensor, "B 1 T"]:
        """Steps of the kernel by how many of them are seen, 0 where none is."""
        count = self._conv(seen, seen.new_ones(1, 1, self.kernel))
        return self.kernel / count.clamp(min=1) * (count > 0)

    def _conv(
        self, x: Float[Tensor, "B c T"], weight: Float[Tensor, "e c kernel"]
    ) -> Float[Tensor, "B e T"]:
        return F.conv1d(x, weight, padding=self.reach, dilation=self.dilation)


def _seen(
    series: Float[Tensor, "_ _ T"], observed: Bool[Tensor, "N T"] | None
) -> Float[Tensor, "_ T"]:
    if observed is None:
        return series.new_ones(1, series.shape[-1])
    return observed.to(series.dtype)
