"""The slot: what a method adds to its loss."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from manyviews.batch import Output
from manyviews.optim import Schedule


@runtime_checkable
class Regularizer(Protocol):
    """`weight * schedule(step) * regularizer(output)` is added to the loss.

    Attributes:
        weight: 0 means it is not computed.
        schedule: factor on the weight at each step.
    """

    weight: float
    schedule: Schedule

    def __call__(self, output: Output) -> Float[Tensor, ""]:
        """The term to be minimised."""
        ...
