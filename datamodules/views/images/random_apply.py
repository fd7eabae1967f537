"""The base of operations that change some of the images and keep their size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.chance import Chance
from manyviews.datamodules.views.images.separable import uses_products


class RandomApply(Chance):
    """An operation with a probability that keeps the size of the image.

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the same height and width."""
        return height, width

    def choose(
        self, draw: Float[Tensor, " B"], changed: Float[Tensor, ...], kept: Float[Tensor, ...]
    ) -> Float[Tensor, "B ..."]:
        """Return `changed` for samples whose draw is below the probability, else `kept`."""
        apply = self.happens(draw).to(changed.dtype)
        # Exact at weights 0 and 1, and on a CPU several times as fast as torch.where.
        return torch.lerp(kept, changed, apply.view(-1, *[1] * (kept.ndim - 1)))

    def change_some(
        self,
        draw: Float[Tensor, " B"],
        image: Float[Tensor, "B C H W"],
        change: Callable[[Float[Tensor, "b C H W"], Int64[Tensor, " b"] | slice], Tensor],
    ) -> Float[Tensor, "B C H W"]:
        """Return `change(image, rows)` for samples whose draw is below the probability.

        Args:
            draw: uniform in [0, 1).
            image: the batch.
            change: makes new images of some images and their rows in the batch.
        """
        if uses_products(image.device):
            # A device would have to wait to learn which rows they are: change all and choose.
            return self.choose(draw, change(image, slice(None)), image)
        rows = self.happens(draw).nonzero()[:, 0]
        return image.index_copy(0, rows, change(image[rows], rows))
