"""VNE as a slot: raises (weight > 0) or lowers (weight < 0) the entropy of the spectrum."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from manyviews.batch import Output
from manyviews.errors import ConfigError
from manyviews.losses.vne import von_neumann_entropy
from manyviews.optim import WarmupCosine


class VNE:
    """-S, the negative von Neumann entropy (arXiv 2304.01434), averaged over the views.

    Args:
        weight: alpha; the authors advise |alpha| well below 0.5 and batches of 32 or more.
        reads: the tensor whose spectrum is regularised.
        warmup_epochs: over which the weight rises from 0.
        final: share of the weight that half a cosine leaves at the end; -1 turns its sign.
    """

    def __init__(
        self,
        weight: float,
        reads: Literal["embedding", "projection"] = "projection",
        warmup_epochs: float = 0.0,
        final: float = 1.0,
    ) -> None:
        if warmup_epochs < 0:
            raise ConfigError(f"regularizers.vne.warmup_epochs={warmup_epochs}; allowed: 0 or more")
        self.weight, self.schedule = weight, WarmupCosine(warmup_epochs, final=final)
        self.reads = reads

    def __call__(self, output: Output) -> Float[Tensor, ""]:
        """-mean_v S(view v); the limit values are 0 and -ln min(B, D)."""
        return -von_neumann_entropy(getattr(output, self.reads)).mean()
