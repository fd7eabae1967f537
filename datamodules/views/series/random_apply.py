"""The base of operations that change some of the windows and keep their length."""

from __future__ import annotations

from manyviews.datamodules.views.chance import Chance


class RandomApply(Chance):
    """An operation with a probability that keeps the length of the window.

    Args:
        probability: chance that a sample is changed, 0 to 1.
    """

    def size(self, length: int) -> int:
        """Return the same number of steps."""
        return length
