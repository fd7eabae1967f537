"""What operations share that keep the length of a window and happen to some of the samples."""

from __future__ import annotations

from manyviews.datamodules.views.images.random_apply import Chance


class Sometimes(Chance):
    """A chance that keeps the length of the window.

    Args:
        probability: that a sample is changed at all, 0 to 1.
    """

    def size(self, length: int) -> int:
        """Unchanged."""
        return length
