"""What every backbone can say of itself."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Backbone(nn.Module):
    """Turns images into embeddings.

    Attributes:
        embedding_dim: D.
        smallest: side in pixels of the smallest image it takes.
        largest: side in pixels of the largest image it takes, None where there is no limit.
    """

    embedding_dim: int
    smallest: int = 1
    largest: int | None = None

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """One embedding per image."""
        raise NotImplementedError

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Activations from shallow to deep."""
        raise NotImplementedError
