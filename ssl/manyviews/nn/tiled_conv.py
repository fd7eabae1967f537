"""A long convolution as products of matrices: spectra of tiles meet the spectrum of the kernel.

Exact but for rounding. A kernel of 15 steps takes a third of the operations of the plain sum, in
products that run near the processor's peak.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

STEP = 32  # outputs of a tile; of 16 to 64 the fastest


class TiledConv1d:
    """bias + the sum over j of weight[:, :, j] x[:, t + (j - kernel // 2) dilation].

    x is 0 beyond its ends. It holds what can be made of the weight beforehand; no gradient reaches
    weight and bias.

    Args:
        weight: an odd kernel.
        bias: of each output channel.
        dilation: steps between its taps.
        steps: T.
    """

    def __init__(
        self,
        weight: Float[Tensor, "E c kernel"],
        bias: Float[Tensor, " E"],
        dilation: int,
        steps: int,
    ) -> None:
        outer, _, kernel = weight.shape
        step = min(STEP, -(-steps // dilation))
        tiles = -(-steps // (step * dilation))
        reach = kernel // 2 * dilation
        self.padding = reach, tiles * step * dilation - steps + reach
        self.size, self.shape = step + kernel - 1, (outer, -1, tiles, dilation, step)
        unit = torch.eye(self.size, dtype=weight.dtype, device=weight.device)
        # Spectra hold real and imaginary parts in turn.
        self.to = torch.view_as_real(torch.fft.rfft(unit)).flatten(1).mT.contiguous()
        basis = torch.eye(len(self.to), dtype=weight.dtype, device=weight.device)
        complex_basis = torch.view_as_complex(basis.unflatten(1, (-1, 2)))
        self.back = torch.fft.irfft(complex_basis, self.size)[:, :step]
        w = torch.fft.rfft(weight.detach(), self.size).conj().permute(2, 0, 1)
        real, imaginary = torch.cat([w.real, -w.imag], 2), torch.cat([w.imag, w.real], 2)
        self.kernel = torch.cat([real, imaginary], 1)
        # What all outputs share lies in the first coefficient.
        self.constant = bias.detach()[:, None] * self.size

    def add_to(
        self, onto: Float[Tensor, "E N T"], x: Float[Tensor, "c N T"]
    ) -> Float[Tensor, "E N T"]:
        """`onto`, to which it adds in place; series lie in the columns of every product."""
        *_, dilation, step = self.shape
        padded = F.pad(x, self.padding).unflatten(-1, (-1, dilation))
        tile = padded.unfold(2, self.size, step).flatten(1, 3)  # c, N x tiles x dilation, size
        spectrum = self.to @ tile.flatten(0, 1).mT  # as rows, real and imaginary in turn
        mixed = torch.bmm(self.kernel, spectrum.view(len(self.kernel), 2 * len(x), -1))
        mixed[0, : len(onto)] += self.constant
        mixed = mixed.view(len(self.to), -1)
        if dilation == 1 and onto.shape[-1] % step == 0:  # the outputs lie as `onto` does
            onto.view(-1, step).addmm_(mixed.mT, self.back)
            return onto
        made = (mixed.mT @ self.back).view(self.shape)
        return onto.add_(made.mT.flatten(2)[..., : x.shape[-1]])
