"""Batched random views of series, declared in conf/views/ and made on their device."""

from manyviews.datamodules.views.series.crop import Crop
from manyviews.datamodules.views.series.jitter import Jitter
from manyviews.datamodules.views.series.magnitude_warp import MagnitudeWarp
from manyviews.datamodules.views.series.masks import ChannelMask, TimeMask
from manyviews.datamodules.views.series.negation import Negation
from manyviews.datamodules.views.series.permutation import Permutation
from manyviews.datamodules.views.series.pipeline import Operation, SeriesView, SeriesViews
from manyviews.datamodules.views.series.place import Anywhere, Candidates, Place, Shift
from manyviews.datamodules.views.series.rotation import Rotation
from manyviews.datamodules.views.series.scaling import Scaling
from manyviews.datamodules.views.series.speed import Speed
from manyviews.datamodules.views.series.time_flip import TimeFlip
from manyviews.datamodules.views.series.time_warp import TimeWarp

__all__ = [
    "Anywhere",
    "Candidates",
    "ChannelMask",
    "Crop",
    "Jitter",
    "MagnitudeWarp",
    "Negation",
    "Operation",
    "Permutation",
    "Place",
    "Rotation",
    "Scaling",
    "SeriesView",
    "SeriesViews",
    "Shift",
    "Speed",
    "TimeFlip",
    "TimeMask",
    "TimeWarp",
]
