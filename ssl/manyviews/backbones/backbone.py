"""What every backbone can say of itself."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

REFUSALS = (AssertionError, RuntimeError, ValueError)  # how models answer to a size
SIDES = (1, 2, 4, 8, *range(16, 1025, 16))  # pixels, tried in the search for the smallest


class Backbone(nn.Module):
    """Turns images into embeddings.

    Attributes:
        embedding_dim: D.
        in_channels: C.
    """

    embedding_dim: int
    in_channels: int

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D"]:
        """One embedding per image."""
        raise NotImplementedError

    def feature_maps(self, image: Float[Tensor, "B C H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Activations from shallow to deep."""
        raise NotImplementedError

    def takes(self, height: int, width: int) -> bool:
        """Whether images of this size pass: by trial, as many models say it only by failing."""
        flags = {module: module.training for module in self.modules()}
        image = next(self.parameters()).new_zeros(1, self.in_channels, height, width)
        try:
            with torch.no_grad():
                self.eval()(image)
        except REFUSALS:
            return False
        finally:
            for module, training in flags.items():
                module.training = training
        return True

    def smallest(self) -> int | None:
        """Side in pixels of the smallest square it takes, None if there is none up to 1024."""
        return next((side for side in SIDES if self.takes(side, side)), None)
