"""Callbacks that watch a run while it trains; a config names them as `manyviews.callbacks.X`."""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "collapse_guard": ["CollapseGuard"],
        "eigenvalues": ["Eigenvalues"],
        "online_knn": ["OnlineKNN"],
        "online_label_free": ["OnlineLabelFree"],
        "other_data": ["OtherData"],
        "progress": ["Progress"],
    },
)
