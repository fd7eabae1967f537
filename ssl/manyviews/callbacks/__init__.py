"""What watches a run."""

from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import OnlineKNN
from manyviews.callbacks.progress import Progress

__all__ = ["Checkpoint", "Metrics", "OnlineKNN", "Progress"]
