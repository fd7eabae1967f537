"""Random horizontal flip."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import Sometimes


class Flip(Sometimes):
    """Mirrors left and right.

    Args:
        probability: 0 to 1.
    """

    draws = 1

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Mirrored where the draw is below the probability."""
        return self.changed(draws[:, 0], image, lambda image, _: image.flip(-1))
