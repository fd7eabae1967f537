"""Regularizers: terms added to the loss of any method, chosen with `regularizer=<name>`."""

from manyviews.regularizers.base import Regularizer
from manyviews.regularizers.vne import VNE

__all__ = ["VNE", "Regularizer"]
