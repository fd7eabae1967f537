"""Random rotation."""

from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor

from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.ranges import Share, within_ranges


class Rotation(RandomApply):
    """A turn around the centre, bilinear, at the same size: torchvision's RandomRotation.

    Args:
        probability: chance that an image is changed, 0 to 1.
        degrees: largest angle in either direction, 0 to 180.
        fill: value of the corners that no pixel reaches, 0 to 1.
    """

    draws = 2  # apply, angle

    @within_ranges
    def __init__(
        self,
        probability: Share,
        degrees: Annotated[float, Ge(0), Le(180)],
        fill: Share = 0.0,
    ) -> None:
        super().__init__(probability)
        self.degrees, self.fill = degrees, fill

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 2"]
    ) -> Float[Tensor, "B C H W"]:
        """Return images turned counter-clockwise if their first draw is below the probability."""
        angle = (2 * draws[:, 1] - 1) * math.radians(self.degrees)
        turned = rotate(image, angle.to(image), self.fill)
        return self.choose(draws[:, 0], turned, image)


def rotate(
    image: Float[Tensor, "B C H W"], angle: Float[Tensor, " B"], fill: float
) -> Float[Tensor, "B C H W"]:
    """Return every image turned counter-clockwise by its angle, in radians."""
    count, _, height, width = image.shape
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # affine_grid maps each new pixel to its old place, in units of half the height and width.
    source = [cos, -sin * height / width, zero, sin * width / height, cos, zero]
    theta = torch.stack(source, 1).view(count, 2, 3)
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    # One more channel of ones: turned with the image, it tells how much of a pixel is covered.
    covered = F.pad(image, (0, 0, 0, 0, 0, 1), value=1.0)
    turned = F.grid_sample(covered, grid, "bilinear", "zeros", align_corners=False)
    pixels, mask = turned[:, :-1], turned[:, -1:]
    return (pixels - fill) * mask + fill  # torchvision's formula
