"""The views and operations of time series: `_target_: manyviews.views.series.TimeWarp` in a config.

They work on batches, on the device of the batch. Each is imported when it is first used.
"""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "crop": ["Crop"],
        "jitter": ["Jitter"],
        "magnitude_warp": ["MagnitudeWarp"],
        "masks": ["ChannelMask", "TimeMask"],
        "negation": ["Negation"],
        "permutation": ["Permutation"],
        "pipeline": ["Operation", "SeriesView", "SeriesViews"],
        "placement": ["Anywhere", "Candidates", "Place", "Shift"],
        "rotation": ["Rotation"],
        "scaling": ["Scaling"],
        "speed": ["Speed"],
        "time_flip": ["TimeFlip"],
        "time_warp": ["TimeWarp"],
    },
)
