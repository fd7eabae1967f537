"""Batched random views, declared in conf/views/ and made on the device of the images."""

from manyviews.datamodules.views.blur import Blur
from manyviews.datamodules.views.crop import Crop
from manyviews.datamodules.views.erasing import Erasing
from manyviews.datamodules.views.flip import Flip
from manyviews.datamodules.views.grayscale import Grayscale
from manyviews.datamodules.views.jitter import Jitter
from manyviews.datamodules.views.pipeline import Operation, View, Views
from manyviews.datamodules.views.posterize import Posterize
from manyviews.datamodules.views.rotation import Rotation
from manyviews.datamodules.views.solarize import Solarize

__all__ = [
    "Blur",
    "Crop",
    "Erasing",
    "Flip",
    "Grayscale",
    "Jitter",
    "Operation",
    "Posterize",
    "Rotation",
    "Solarize",
    "View",
    "Views",
]
