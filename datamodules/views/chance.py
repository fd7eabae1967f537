"""An operation that changes only some of the samples."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from manyviews.ranges import Share, within_ranges


class Chance:
    """The base of every operation with a probability, for images and for series.

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    @within_ranges
    def __init__(self, probability: Share) -> None:
        self.probability = probability

    def happens(self, draw: Float[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """Return True for every sample whose draw is below the probability."""
        return draw < self.probability
