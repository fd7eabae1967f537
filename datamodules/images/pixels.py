"""What report and controls see of images: their bytes, and their pixels as features."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from manyviews.batch import Sample

RAW_SIDE = 32  # pixels; larger images are averaged down to it


def raw_pixels(samples: Iterable[Sample], size: tuple[int, int]) -> Float[Tensor, "N D"]:
    """The pixels of uint8 images themselves, from 0 to 1; `size` is their height and width."""
    small = (min(size[0], RAW_SIDE), min(size[1], RAW_SIDE))
    return torch.cat([F.adaptive_avg_pool2d(s.input / 255, small).flatten(1) for s in samples])


def denormalised(
    view: Float[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> UInt8[np.ndarray, "B C H W"]:
    """The bytes that a normalised image came from."""
    shape = (1, -1, 1, 1)
    image = view * view.new_tensor(std).view(shape) + view.new_tensor(mean).view(shape)
    return (image * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
