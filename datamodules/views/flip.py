"""Random horizontal flip."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.errors import ConfigError


class Flip:
    """Mirrors left and right.

    Args:
        probability: 0 to 1.
    """

    draws = 1

    def __init__(self, probability: float) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"flip probability={probability}; allowed: 0 to 1")
        self.probability = probability

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged."""
        return height, width

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Mirrored where the draw is below the probability."""
        return torch.where((draws < self.probability)[..., None, None], image.flip(-1), image)
