"""The data sets that a config can choose: `_target_: manyviews.data.cifar10`.

Each is a function that finds, reads and splits the data; it is imported when it is first used.
"""

from collections.abc import Callable
from typing import Any

import lazy_loader

# Functions by the file that holds them.
IMAGES = {
    "images.custom": ["folder", "table"],
    "images.public": [
        "cifar10",
        "cifar100",
        "eurosat",
        "fashion_mnist",
        "fashion_mnist_mini",
        "flowers",
        "imagenet",
        "pets",
        "stl10",
    ],
}
OF_SERIES = {
    "series.custom": ["series"],
    "series.public.ecg": ["ecg"],
    "series.public.har": ["har"],
    "series.public.motif_states": ["motif_states"],
    "series.public.ppg": ["ppg"],
    "series.public.watch": ["watch"],
}
SERIES = frozenset(name for names in OF_SERIES.values() for name in names)  # data sets of series

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    "manyviews.datamodules", submod_attrs=IMAGES | OF_SERIES
)
