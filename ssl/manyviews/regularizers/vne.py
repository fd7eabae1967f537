"""VNE as a regularizer: a positive weight raises the von Neumann entropy, a negative lowers it."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from manyviews.batch import Output
from manyviews.losses.vne import von_neumann_entropy
from manyviews.optim import WarmupCosine
from manyviews.ranges import NotNegative, Number, within_ranges


class VNE:
    """The negative von Neumann entropy -S (arXiv 2304.01434), averaged over the views.

    Args:
        weight: alpha; the authors advise |alpha| well below 0.5 and batches of 32 or more.
        reads: the tensor whose entropy is regularised, "embedding" or "projection".
        warmup_epochs: number of epochs in which the weight rises linearly from 0.
        final: factor on the weight at the end, reached by half a cosine: 1 keeps the weight, 0
            takes it away, -1 turns its sign.
    """

    @within_ranges
    def __init__(
        self,
        weight: Number,
        reads: Literal["embedding", "projection"] = "projection",
        warmup_epochs: NotNegative = 0.0,
        final: Number = 1.0,
    ) -> None:
        # The learning rate's schedule serves for the weight, too: both are factors on a base value.
        self.weight, self.schedule = weight, WarmupCosine(warmup_epochs, final=final)
        self.reads = reads

    def __call__(self, output: Output) -> Float[Tensor, ""]:
        """Return -mean_v S(view v), between -ln min(N, D) and 0 for N rows on all ranks."""
        return -von_neumann_entropy(getattr(output, self.reads)).mean()
