"""Random horizontal flip."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.datamodules.views.images.step import Applied, Mirrorable, Step


class Flip(RandomApply):
    """A random mirror image, left and right: torchvision's RandomHorizontalFlip.

    Args:
        probability: chance that an image is changed, 0 to 1.
    """

    draws = 1

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B C H W"]:
        """Return images mirrored if their draw is below the probability."""
        return self.change_some(draws[:, 0], image, lambda image, _: image.flip(-1))

    def fold_into(
        self,
        steps: list[Step],
        draws: Float[Tensor, "B 1"],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
    ) -> list[Step]:
        """Return the steps with a crop that mirrors, if the last step is a crop."""
        if steps and isinstance(last := steps[-1], Mirrorable):
            return [*steps[:-1], last.mirror(self.happens(draws[:, 0]))]
        return [*steps, Applied(self, draws)]
