"""Distortions of images whose strength is a number: shift, rotation, scale, blur, noise.

Images are floats from 0 to 1. Strength 0 returns the image as it is. What comes in from outside
repeats the border of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from manyviews import draws

Images = Float[Tensor, "B C H W"]


class Distortion(NamedTuple):
    """A family of distortions.

    Attributes:
        apply: maps images, their positions in the data set and a strength to distorted images.
        unit: what the strength is.
    """

    apply: Callable[[Images, Int64[Tensor, " B"], float], Images]
    unit: str


def shift(image: Images, position: Int64[Tensor, " B"], strength: float) -> Images:
    """Move the image to the right by this share of its width, in whole pixels."""
    pixels = round(strength * image.shape[3])
    return _affine(image, pixels=pixels) if pixels else image


def rotation(image: Images, position: Int64[Tensor, " B"], strength: float) -> Images:
    """Turn the image clockwise by this many degrees about its centre."""
    return _affine(image, angle=strength) if strength else image


def scale(image: Images, position: Int64[Tensor, " B"], strength: float) -> Images:
    """Enlarge the image about its centre by the factor 1 + strength."""
    return _affine(image, factor=1 + strength) if strength else image


def blur(image: Images, position: Int64[Tensor, " B"], strength: float) -> Images:
    """Blur by a Gaussian whose standard deviation is this share of the width."""
    if not strength:
        return image
    sigma = strength * image.shape[3]
    reach = min(math.ceil(3 * sigma), min(image.shape[2:]) - 1)  # the border is reflected
    return TF.gaussian_blur(image, [2 * reach + 1] * 2, [sigma] * 2)


def noise(image: Images, position: Int64[Tensor, " B"], strength: float) -> Images:
    """Add normal noise of this standard deviation, the same for an item every time."""
    if not strength:
        return image
    count = image[0].numel()
    radius, angle = draws.uniform(0, 0, position, 0, "noise", 2 * count).split(count, 1)
    normal = (-2 * (1 - radius).log()).sqrt() * (2 * math.pi * angle).cos()  # Box and Muller
    return (image + strength * normal.view_as(image).to(image)).clamp(0, 1)


def _affine(image: Images, *, pixels: int = 0, angle: float = 0.0, factor: float = 1.0) -> Images:
    """Return the image moved, turned and enlarged, over a border that repeats its edge."""
    height, width = image.shape[2:]
    top, left = height // 2, width // 2
    wide = F.pad(image, (left, left, top, top), mode="replicate")
    moved = TF.affine(
        wide, angle, [pixels, 0], factor, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    return moved[:, :, top : top + height, left : left + width]


DISTORTIONS = {
    "shift": Distortion(shift, "share of the width"),
    "rotation": Distortion(rotation, "degrees"),
    "scale": Distortion(scale, "enlargement minus 1"),
    "blur": Distortion(blur, "sigma as a share of the width"),
    "noise": Distortion(noise, "standard deviation, pixels from 0 to 1"),
}
