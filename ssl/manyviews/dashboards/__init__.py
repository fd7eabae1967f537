"""One HTML file over many runs: table, curves, settings against scores, and runs side by side."""

from manyviews.dashboards.page import Written, write
from manyviews.dashboards.watching import watch

__all__ = ["Written", "watch", "write"]
