"""Random inversion of bright pixels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.errors import ConfigError


class Solarize:
    """Pixels at or above the threshold are inverted.

    Args:
        probability: 0 to 1.
        threshold: 0 to 1; 128 / 255 in the papers' code, whose images are bytes.
    """

    draws = 1

    def __init__(self, probability: float, threshold: float = 128 / 255) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"solarize probability={probability}; allowed: 0 to 1")
        self.probability, self.threshold = probability, threshold

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Unchanged."""
        return height, width

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Solarized where the draw is below the probability."""
        # Where it is not to be applied no pixel reaches the threshold.
        threshold = torch.where(draws < self.probability, self.threshold, torch.inf)
        inverted = (image >= threshold[..., None, None]).to(image.dtype)
        return torch.lerp(image, 1 - image, inverted)  # several times faster than torch.where
