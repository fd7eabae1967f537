"""Evaluation protocols, which a config names as `manyviews.evaluation.KNN`, and frozen features.

Each name is imported when it is first used.
"""

from collections.abc import Callable
from typing import Any

import lazy_loader

__getattr__: Callable[[str], Any]  # without it, checkers take every name for a module
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "protocols.cka": ["CKA"],
        "protocols.clustering": ["Clustering"],
        "features": ["Features", "extract"],
        "protocols.finetune": ["FineTune"],
        "protocols.invariance": ["Invariance"],
        "protocols.knn": ["KNN"],
        "protocols.label_free": ["LabelFree"],
        "protocols.linear": ["LinearGrid"],
        "protocols.linear_lbfgs": ["LinearLBFGS"],
        "protocols.linear_rebar": ["LinearRebar"],
        "protocols.linear_sgd": ["LinearSGD"],
        "protocols.low_shot": ["LowShot"],
        "protocols.ncm": ["NCM"],
        "protocols.retrieval": ["Retrieval"],
        "protocols.ridge": ["Ridge"],
    },
)
