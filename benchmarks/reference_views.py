"""The same views made by torchvision, one PIL image after the other, for comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode

from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.pipeline import View
from manyviews.datamodules.views.images.posterize import Posterize
from manyviews.datamodules.views.images.rotation import Rotation
from manyviews.datamodules.views.images.solarize import Solarize
from manyviews.datamodules.views.images.torchvision import Torchvision

# Makes the transforms of an operation, for images of a size and data of a mean.
Translate = Callable[[Any, tuple[int, int], Any], list[v2.Transform]]


def to_float() -> list[v2.Transform]:
    """Return the transforms that make a PIL image or bytes a float32 tensor in [0, 1]."""
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]


def apply_randomly(transform: v2.Transform, probability: float) -> v2.Transform:
    """Return the transform, applied with a probability."""
    return v2.RandomApply([transform], probability)


TRANSFORMS: dict[type, Translate] = {
    Crop: lambda o, size, _: [
        v2.RandomResizedCrop(
            o.size(*size), o.scale, o.ratio, InterpolationMode(o.interpolation), antialias=True
        )
    ],
    Flip: lambda o, *_: [v2.RandomHorizontalFlip(o.probability)],
    Jitter: lambda o, *_: [apply_randomly(v2.ColorJitter(*o.strengths), o.probability)],
    Grayscale: lambda o, *_: [v2.RandomGrayscale(o.probability)],
    Blur: lambda o, *_: [apply_randomly(v2.GaussianBlur(o.kernel_size, o.sigma), o.probability)],
    Solarize: lambda o, *_: [v2.RandomSolarize(round(o.threshold * 255), o.probability)],
    Posterize: lambda o, *_: [v2.RandomPosterize(o.bits, o.probability)],
    Rotation: lambda o, *_: [
        apply_randomly(
            v2.RandomRotation(o.degrees, InterpolationMode.BILINEAR, fill=round(o.fill * 255)),
            o.probability,
        )
    ],
    # These two work on tensors only, so that all transforms after them get tensors, too.
    Erasing: lambda o, _, mean: [
        *to_float(),
        v2.RandomErasing(o.probability, o.scale, o.ratio, mean if o.value is None else o.value),
    ],
    Torchvision: lambda o, *_: [*to_float(), apply_randomly(o.transform, o.probability)],
}


def reference(
    view: View, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]
) -> v2.Compose:
    """Return the chain from a PIL image of `size` to the normalised tensor that a view declares."""
    transforms: list[v2.Transform] = []
    for operation in view.operations.values():
        transforms += TRANSFORMS[type(operation)](operation, size, list(mean))
        size = operation.size(*size)
    return v2.Compose([*transforms, *to_float(), v2.Normalize(list(mean), list(std))])
