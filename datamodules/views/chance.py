"""An operation that changes only some of the samples."""

from __future__ import annotations

import re

from jaxtyping import Bool, Float
from torch import Tensor

from manyviews.errors import ConfigError


class Chance:
    """The base of every operation with a probability, for images and for series.

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    def __init__(self, probability: float) -> None:
        if not 0 <= probability <= 1:
            # TimeWarp is called time_warp in a config.
            name = re.sub(r"\B(?=[A-Z])", "_", type(self).__name__).lower()
            raise ConfigError(f"{name} probability={probability}; allowed: 0 to 1")
        self.probability = probability

    def happens(self, draw: Float[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """Return True for every sample whose draw is below the probability."""
        return draw < self.probability
