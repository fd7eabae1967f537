"""What watches a run."""

from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.collapse_guard import Collapsed, CollapseGuard
from manyviews.callbacks.metrics import Metrics, NotFinite
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.online_knn import OnlineKNN
from manyviews.callbacks.progress import Progress
from manyviews.callbacks.stop import Stop, Stopped

__all__ = [
    "Checkpoint",
    "CollapseGuard",
    "Collapsed",
    "Metrics",
    "Noise",
    "NotFinite",
    "OnlineKNN",
    "Progress",
    "Stop",
    "Stopped",
]
