"""Maps of an image's rows and columns: every new pixel is a weighted sum of a few old ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor


class Taps(NamedTuple):
    """A linear map of one axis per sample: crop, resize and blur are such maps.

    Attributes:
        source: int64 (B, new, k), which old pixels; one may stand there twice.
        weight: float32 (B, new, k), how much of each; 0 where there is none.
    """

    source: Int64[Tensor, "B new k"]
    weight: Float[Tensor, "B new k"]

    def of(self, rows: Int64[Tensor, " b"] | slice) -> Taps:
        """Those of these samples."""
        return Taps(self.source[rows], self.weight[rows])

    def mirrored(self, where: Bool[Tensor, " B"]) -> Taps:
        """The new pixels of these samples in reverse order."""
        there = where[:, None, None]
        return Taps(*(torch.where(there, t.flip(1), t) for t in self))

    def matrix(self, size: int) -> Float[Tensor, "B {size} new"]:
        """The same as weights of all `size` old pixels: image @ matrix is the sum."""
        count, new, _ = self.source.shape
        weights = self.weight.new_zeros(count, size, new)
        return weights.scatter_add_(1, self.source.mT, self.weight.mT)

    def summed(self, image: Float[Tensor, "B old n"]) -> Float[Tensor, "B new n"]:
        """The sums, for a CPU: k passes over the rows of the image and nothing else."""
        count, size, width = image.shape
        first = torch.arange(0, count * size, size)[:, None, None]
        rows, weight = (t.flatten(0, 1) for t in (self.source + first, self.weight.to(image)))
        table = image.reshape(count * size, width)
        made = F.embedding_bag(rows, table, mode="sum", per_sample_weights=weight)
        return made.view(count, self.source.shape[1], width)


LARGE = 96  # pixels of a side, from where on a CPU copies are cheaper than products


def dense(device: torch.device) -> bool:
    """Whether products with whole matrices are the fastest sums: not on a CPU."""
    return device.type != "cpu"


def mixed(image: Float[Tensor, "B C H W"], rows: Taps, columns: Taps) -> Float[Tensor, "B C h w"]:
    """The image with its rows and then its columns mixed, every channel alike."""
    channels, height, width = image.shape[1:]
    wide = image.transpose(1, 2).flatten(2)  # the channels beside each other: their rows are one
    if dense(image.device):
        tall = torch.bmm(rows.matrix(height).mT.to(image), wide)
    else:
        tall = rows.summed(wide)
    tall = tall.unflatten(2, (channels, width))
    if dense(image.device) or width < LARGE:
        made = torch.bmm(tall.flatten(1, 2), columns.matrix(width).to(image))
        return made.unflatten(1, (-1, channels)).transpose(1, 2).contiguous()
    made = columns.summed(tall.transpose(1, 3).flatten(2))
    return made.unflatten(2, (channels, -1)).permute(0, 2, 3, 1).contiguous()
