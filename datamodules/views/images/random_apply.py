"""What operations share that happen to some of the samples."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.separable import dense
from manyviews.errors import ConfigError


class Chance:
    """An operation with a probability.

    Args:
        probability: that a sample is changed at all, 0 to 1.
    """

    def __init__(self, probability: float) -> None:
        if not 0 <= probability <= 1:
            name = re.sub(r"\B(?=[A-Z])", "_", type(self).__name__).lower()
            raise ConfigError(f"{name} probability={probability}; allowed: 0 to 1")
        self.probability = probability

    def happens(self, draw: Float[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """Where the draw is below the probability."""
        return draw < self.probability


class Sometimes(Chance):
    """A chance that keeps the size of the image.

    Args:
        probability: that a sample is changed at all, 0 to 1.
    """

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged."""
        return height, width

    def choose(
        self, draw: Float[Tensor, " B"], changed: Float[Tensor, ...], kept: Float[Tensor, ...]
    ) -> Float[Tensor, "B ..."]:
        """`changed` where the draw is below the probability, else `kept`."""
        apply = self.happens(draw).to(changed.dtype)
        # Exact at weights 0 and 1, and on a CPU several times as fast as torch.where.
        return torch.lerp(kept, changed, apply.view(-1, *[1] * (kept.ndim - 1)))

    def changed(
        self,
        draw: Float[Tensor, " B"],
        image: Float[Tensor, "B C H W"],
        change: Callable[[Float[Tensor, "b C H W"], Int64[Tensor, " b"] | slice], Tensor],
    ) -> Float[Tensor, "B C H W"]:
        """`change(image, rows)` where the draw is below the probability, else the image.

        A CPU changes only those rows; a device would wait to learn which they are, and changes all.
        """
        if dense(image.device):
            return self.choose(draw, change(image, slice(None)), image)
        rows = self.happens(draw).nonzero()[:, 0]
        return image.index_copy(0, rows, change(image[rows], rows))
