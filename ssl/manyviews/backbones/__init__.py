"""Backbones: `build("resnet18", ...)` by name, and the classes of those for time series.

Each is imported when it is first used.
"""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backbone": ["Backbone"],
        "inception_time": ["InceptionTime"],
        "rebar.cross_attention": ["CrossAttention"],
        "registry": ["available", "build"],
        "resnet1d": ["ResNet1d"],
        "tcn": ["TCN"],
    },
)
