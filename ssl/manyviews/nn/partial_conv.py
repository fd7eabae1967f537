"""Convolution of what was observed.

Liu, Reda, Shih, Wang, Tao, Catanzaro: "Image Inpainting for Irregular Holes Using Partial
Convolutions", 2018, arXiv 1804.07723. A mask is the same for all channels here.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class PartialConv1d(nn.Conv1d):
    """(W * (x m)) kernel / observed + bias; 0, without bias, where the kernel sees nothing.

    The padding counts as missing, so that the factor acts at the borders without a mask, too.

    Args:
        in_channels: C.
        out_channels: E.
        kernel: steps, odd.
        dilation: steps between its taps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1
    ) -> None:
        reach = (kernel - 1) // 2 * dilation
        super().__init__(in_channels, out_channels, kernel, padding=reach, dilation=dilation)

    def forward(
        self,
        input: Float[Tensor, "B C T"],  # noqa: A002  (as in torch)
        observed: Bool[Tensor, "#B T"] | None = None,
    ) -> Float[Tensor, "B E T"]:
        """As many steps as came in; None: all are observed."""
        if observed is None:
            observed = torch.ones(1, input.shape[-1], dtype=torch.bool, device=input.device)
        seen = observed.to(input.dtype)[:, None]
        ones = seen.new_ones(1, 1, *self.kernel_size)
        count = F.conv1d(seen, ones, None, self.stride, self.padding, self.dilation)
        raw = F.conv1d(input * seen, self.weight, None, self.stride, self.padding, self.dilation)
        factor = ones.numel() / count.clamp(min=1)
        whole = raw * factor + self.bias[:, None]  # pyright: ignore[reportOptionalSubscript]
        return whole * (count > 0)
