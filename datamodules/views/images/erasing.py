"""Random erasing of a box: Zhong et al., 2017, arXiv 1708.04896."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.boxes import (
    TRIES,
    check_box,
    draw_sides,
    first_fitting,
    place,
)
from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.datamodules.views.images.step import Applied, Step
from manyviews.errors import ConfigError
from manyviews.ranges import Share, within_ranges


class Erasing(RandomApply):
    """A box of random area and shape takes one colour: torchvision's RandomErasing.

    Args:
        probability: chance that an image is changed, 0 to 1.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest height / width.
        value: value of every channel, 0 to 1; null: the mean of the data, which is 0 after the
            normalisation, where torchvision's users erase.
    """

    draws = 2 * TRIES + 3  # area and shape of every try, top, left, apply

    @within_ranges
    def __init__(
        self,
        probability: Share,
        scale: list[float],
        ratio: list[float],
        value: Share | None = None,
    ) -> None:
        super().__init__(probability)
        check_box("erasing", scale, ratio)
        self.scale, self.ratio, self.value = scale, ratio, value

    def __call__(
        self,
        image: Float[Tensor, "B C H W"],
        draws: Float[Tensor, "B n"],
        mean: Float[Tensor, " C"] | None = None,
    ) -> Float[Tensor, "B C H W"]:
        """Return images with an erased box if the last draw is below the probability.

        An image stays as it is if none of ten tries fits into it.

        Args:
            image: in [0, 1].
            draws: as many numbers per image as `Erasing.draws`.
            mean: mean of the data per channel, needed if `value` is null.

        Raises:
            ConfigError: `value` is null and there is no mean.
        """
        fill = mean if self.value is None else image.new_tensor([self.value])
        if fill is None:
            raise ConfigError("erasing value=null needs the mean of the data; give a value")
        rows, columns = self.boxes(image.shape[2], image.shape[3], draws)
        apply = draws[:, -1:] < self.probability
        inside = (rows & apply)[:, None, :, None] & columns[:, None, None]
        return torch.lerp(image, fill.view(1, -1, 1, 1), inside.to(image.dtype))

    def fold_into(
        self,
        steps: list[Step],
        draws: Float[Tensor, "B n"],
        size: tuple[int, int],
        mean: Float[Tensor, " C"],
    ) -> list[Step]:
        """Return the steps and this operation, which knows the mean of the data."""
        return [*steps, Applied(partial(self, mean=mean), draws)]

    def boxes(
        self, height: int, width: int, draws: Float[Tensor, "B n"]
    ) -> tuple[Bool[Tensor, "B {height}"], Bool[Tensor, "B {width}"]]:
        """Return True for the rows and for the columns of each sample's box.

        The box is empty if no try fits.
        """
        limit = torch.tensor([height, width], device=draws.device)[:, None]
        tried = draw_sides(limit.prod(0), self.scale, self.ratio, draws)
        fits = (tried < limit[..., None]).all(0)
        side, _ = first_fitting(tried, fits, torch.zeros_like(limit))
        (top, left), (h, w) = place(draws[:, -3:-1].mT, limit - side), side
        return _between(top, h, height), _between(left, w, width)


def _between(
    start: Int64[Tensor, " B"], length: Int64[Tensor, " B"], size: int
) -> Bool[Tensor, "B {size}"]:
    """Return True for the places start..start+length-1 of an axis."""
    at = torch.arange(size, device=start.device)
    return (at >= start[:, None]) & (at < (start + length)[:, None])
