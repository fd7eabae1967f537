"""The interface of a regularizer."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from manyviews.batch import Output
from manyviews.optim import Schedule


@runtime_checkable
class Regularizer(Protocol):
    """A term of the loss: `weight * schedule(step) * regularizer(output)` is added to it.

    Attributes:
        weight: factor on the term; at 0 the term is not computed.
        schedule: a further factor that depends on the step.
    """

    weight: float
    schedule: Schedule

    def __call__(self, output: Output) -> Float[Tensor, ""]:
        """Return the term to be minimised, without its weight."""
        ...
