"""Batched random views of series, declared in conf/views/ and made on the device of the windows."""

from manyviews.datamodules.views.series.pipeline import Operation, SeriesView, SeriesViews
from manyviews.datamodules.views.series.place import Anywhere, Candidates, Place, Shift

__all__ = ["Anywhere", "Candidates", "Operation", "Place", "SeriesView", "SeriesViews", "Shift"]
