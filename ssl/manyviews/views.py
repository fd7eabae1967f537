"""The views and operations of images that a config can choose: `_target_: manyviews.views.Crop`.

Those of time series are in `manyviews.views.series`. Each is imported when it is first used.
"""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    "manyviews.datamodules.views",
    submodules=["series"],
    submod_attrs={
        "images.blur": ["Blur"],
        "images.color_jitter": ["Jitter"],
        "images.crop": ["Crop"],
        "images.erasing": ["Erasing"],
        "images.flip": ["Flip"],
        "images.grayscale": ["Grayscale"],
        "images.operation": ["Operation"],
        "images.pipeline": ["View", "Views"],
        "images.posterize": ["Posterize"],
        "images.rotation": ["Rotation"],
        "images.solarize": ["Solarize"],
        "images.torchvision": ["Torchvision"],
    },
)
