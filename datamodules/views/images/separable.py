"""Linear maps of an image's rows and columns: every new pixel is a weighted sum of a few old ones.

Crop with resize, and blur, are such maps: one for the rows and one for the columns of each sample.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor


class Taps(NamedTuple):
    """A linear map of one axis for each sample.

    Attributes:
        source: int64 (B, new, k), the old pixels of each new one; the same may occur twice.
        weight: float32 (B, new, k), the weight of each; 0 for places that are not needed.
    """

    source: Int64[Tensor, "B new k"]
    weight: Float[Tensor, "B new k"]

    def select(self, rows: slice) -> Taps:
        """Return the maps of these samples."""
        return Taps(self.source[rows], self.weight[rows])

    def mirror(self, where: Bool[Tensor, " B"]) -> Taps:
        """Return maps whose new pixels are in reverse order for these samples."""
        chosen = where[:, None, None]
        return Taps(*(torch.where(chosen, t.flip(1), t) for t in self))

    def matrix(self, size: int) -> Float[Tensor, "B {size} new"]:
        """Return the map as weights of all `size` old pixels, so that image @ matrix is the sum."""
        count, new, _ = self.source.shape
        weights = self.weight.new_zeros(count, size, new)
        return weights.scatter_add_(1, self.source.mT, self.weight.mT)

    def sum_rows(self, image: Float[Tensor, "B old n"]) -> Float[Tensor, "B new n"]:
        """Return the weighted sums of rows, the way that is fastest on a CPU."""
        count, size, width = image.shape
        # The rows of all images form one table, and every new row sums a bag of k of them: no
        # intermediate of k rows per new row is written.
        first = torch.arange(0, count * size, size)[:, None, None]
        rows, weight = (t.flatten(0, 1) for t in (self.source + first, self.weight.to(image)))
        table = image.reshape(count * size, width)
        made = F.embedding_bag(rows, table, mode="sum", per_sample_weights=weight)
        return made.view(count, self.source.shape[1], width)


LARGE = 96  # pixels of a side, from which on a CPU sums of rows are faster than products


def uses_products(device: torch.device) -> bool:
    """Return True if products with whole matrices are the fastest sums: not on a CPU."""
    return device.type != "cpu"


def mix(image: Float[Tensor, "B C H W"], rows: Taps, columns: Taps) -> Float[Tensor, "B C h w"]:
    """Return the image after both maps, first of its rows, then of its columns."""
    channels, height, width = image.shape[1:]
    # The channels lie side by side in each row, so that one sum serves all of them.
    wide = image.transpose(1, 2).flatten(2)
    if uses_products(image.device):
        tall = torch.bmm(rows.matrix(height).mT.to(image), wide)
    else:
        tall = rows.sum_rows(wide)
    tall = tall.unflatten(2, (channels, width))
    if uses_products(image.device) or width < LARGE:
        made = torch.bmm(tall.flatten(1, 2), columns.matrix(width).to(image))
        return made.unflatten(1, (-1, channels)).transpose(1, 2).contiguous()
    # Columns of large images become rows, whose sums read memory in its order.
    made = columns.sum_rows(tall.transpose(1, 3).flatten(2))
    return made.unflatten(2, (channels, -1)).permute(0, 2, 3, 1).contiguous()
