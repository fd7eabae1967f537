"""Terms that any method can carry, chosen with `regularizer=<name>`."""

from manyviews.regularizers.base import Regularizer
from manyviews.regularizers.vne import VNE

__all__ = ["VNE", "Regularizer"]
