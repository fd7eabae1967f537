"""Batched random views, declared in conf/views/ and made on the device of the images."""

from manyviews.datamodules.views.crop import Crop
from manyviews.datamodules.views.flip import Flip
from manyviews.datamodules.views.jitter import Jitter
from manyviews.datamodules.views.pipeline import Operation, View, Views

__all__ = ["Crop", "Flip", "Jitter", "Operation", "View", "Views"]
