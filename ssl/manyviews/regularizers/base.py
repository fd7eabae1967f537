"""The slot: what a method adds to its loss."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from manyviews.batch import Output


@runtime_checkable
class Regularizer(Protocol):
    """`weight * regularizer(output)` is added to the loss; weight 0 means it is not computed."""

    weight: float

    def __call__(self, output: Output) -> Float[Tensor, ""]:
        """The term to be minimised."""
        ...
