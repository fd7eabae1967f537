"""Random horizontal flip."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.crop import Folded, Matrix, dense
from manyviews.datamodules.views.sometimes import Sometimes


class Flip(Sometimes):
    """Mirrors left and right.

    Args:
        probability: 0 to 1.
    """

    draws = 1

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Mirrored where the draw is below the probability."""
        if dense(image.device, *image.shape[2:]):
            return self.choose(draws[:, 0], image.flip(-1), image)
        return torch.stack(
            [
                picture.flip(-1) if draw < self.probability else picture
                for picture, draw in zip(image, draws[:, 0].tolist(), strict=True)
            ]
        )

    def fold(self, rows: Matrix, columns: Matrix, draws: Float[Tensor, "B 1"]) -> Folded:
        """The columns in reverse order where the draw is below the probability."""
        columns = columns.expand(len(draws), -1, -1)
        return rows, self.choose(draws[:, 0], columns.flip(1), columns)
