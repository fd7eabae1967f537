"""Random brightness, contrast, saturation and hue in a random order, as torchvision's ColorJitter.

Brightness, contrast and saturation are one operation, a blend of the image with a greyer one
(`blend`); hue is another (`adjust_hue`).
"""

from __future__ import annotations

from itertools import permutations
from typing import Annotated

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.grayscale import luma, luma_weights
from manyviews.datamodules.views.images.random_apply import RandomApply
from manyviews.ranges import Share, Strength, within_ranges

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


class Jitter(RandomApply):
    """Random factors from [max(0, 1 - s), 1 + s] and a turn of the hue, in a random order.

    Saturation and hue change images with three channels only.

    Args:
        probability: chance that a sample is changed, 0 to 1.
        brightness: strength s of the factor on the pixels.
        contrast: strength s of the factor on the distance to the image's mean grey.
        saturation: strength s of the factor on the distance to each pixel's grey.
        hue: largest turn in either direction, as a share of the colour circle; 0 to 0.5.
    """

    draws = 6  # apply, order, brightness, contrast, saturation, hue

    @within_ranges
    def __init__(
        self,
        probability: Share,
        brightness: Strength,
        contrast: Strength,
        saturation: Strength = 0.0,
        hue: Annotated[float, Ge(0), Le(0.5)] = 0.0,
    ) -> None:
        super().__init__(probability)
        self.strengths = (brightness, contrast, saturation, hue)

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 6"]
    ) -> Float[Tensor, "B C H W"]:
        """Return images in other colours if their first draw is below the probability."""
        colour = image.shape[1] == 3
        places = self._order(draws[:, 1], colour=colour).unbind(1)
        factor, turn = self._draw_strengths(draws)
        if not self.strengths[HUE] or not colour:
            for kind in places:
                image = blend(image, kind, factor)
            return image
        # The hue, which is dear, is turned once for all samples: each sample's blends before its
        # hue come first, then the hue, then the rest. The factor of HUE is 1, so that a blend of
        # this kind changes nothing: it stands in for a blend of the other part.
        at = (torch.stack(places, 1) == HUE).int().argmax(1)
        for place, kind in enumerate(places[:-1]):
            image = blend(image, torch.where(at > place, kind, HUE), factor)
        image = adjust_hue(image, turn[:, None, None])
        for place, kind in enumerate(places[1:], 1):
            image = blend(image, torch.where(at < place, kind, HUE), factor)
        return image

    def _draw_strengths(
        self, draws: Float[Tensor, "B 6"]
    ) -> tuple[Float[Tensor, "B 4"], Float[Tensor, " B"]]:
        """Return the factor of every blend and the turn of the hue; 1 and 0 if nothing happens."""
        lows = [max(0.0, 1 - s) for s in self.strengths[:HUE]]
        spans = [1 + s - low for s, low in zip(self.strengths, lows, strict=False)]
        low, span = draws.new_tensor([*lows, 1.0]), draws.new_tensor([*spans, 0.0])
        apply = draws[:, :1] < self.probability
        turn = (2 * draws[:, 5] - 1) * self.strengths[HUE]
        factor = torch.where(apply, low + span * draws[:, 2:], 1.0)
        return factor, torch.where(apply[:, 0], turn, 0.0)

    def _order(self, draw: Float[Tensor, " B"], *, colour: bool) -> Int64[Tensor, "B n"]:
        """Return the kinds of change of each sample, in the order that its draw chose."""
        usable = range(HUE + 1) if colour else (BRIGHTNESS, CONTRAST)
        kinds = [kind for kind in usable if self.strengths[kind]]
        orders = torch.tensor([*permutations(kinds)], device=draw.device, dtype=torch.int64)
        return orders[(draw * len(orders)).long()]


def blend(
    image: Float[Tensor, "B C H W"], kind: Int64[Tensor, " B"], factor: Float[Tensor, "B 4"]
) -> Float[Tensor, "B C H W"]:
    """Return clamp(f * image + (1 - f) * other, 0, 1), with f and other of each sample's kind.

    The other image is black for brightness, the image's mean grey for contrast, each pixel's own
    grey for saturation.
    """
    if image.shape[1] == 3:
        # f * image + (1 - f) * grey is a matrix on the channels: one product, not four passes.
        weight = luma_weights(3, image)
        matrix, shift = blend_map(kind, factor, image.mean((2, 3)) @ weight, weight)
        return torch.baddbmm(shift, matrix, image.flatten(2)).clamp_(0, 1).view_as(image)
    f = factor.gather(1, kind[:, None])[..., None, None]
    kind = kind[:, None, None, None]
    f = torch.where(kind == SATURATION, 1.0, f)  # each pixel of one channel is its own grey
    mean = luma(image).mean((1, 2, 3), keepdim=True)
    shift = torch.where(kind == CONTRAST, (1 - f) * mean, 0.0)
    return (f * image).add_(shift).clamp_(0, 1)


def blend_map(
    kind: Int64[Tensor, " B"],
    factor: Float[Tensor, "B 4"],
    grey: Float[Tensor, " B"],
    weight: Float[Tensor, " C"],
) -> tuple[Float[Tensor, "B C C"], Float[Tensor, "B 1 1"]]:
    """Return the blend as a matrix on the channels and a shift.

    Args:
        kind: brightness, contrast or saturation.
        factor: f of every kind.
        grey: mean grey of each image.
        weight: weight of each channel in the grey.
    """
    f, kind = factor.gather(1, kind[:, None])[..., None], kind[:, None, None]
    saturation = torch.where(kind == SATURATION, 1 - f, 0.0)
    matrix = f * torch.eye(len(weight), device=weight.device) + saturation * weight
    return matrix, torch.where(kind == CONTRAST, 1 - f, 0.0) * grey[:, None, None]


def adjust_hue(
    image: Float[Tensor, "B 3 H W"], turn: Float[Tensor, "B 1 1"]
) -> Float[Tensor, "B 3 H W"]:
    """Return images whose hue in HSV is turned by a share of the circle; the rest of HSV stays."""
    red, green, blue = image.unbind(1)
    value = torch.maximum(red, green).maximum(blue)
    chroma = value - torch.minimum(red, green).minimum(blue)
    # Ones and zeros with lerp, in place: torch.where takes twenty times as long on a CPU, and new
    # memory more than arithmetic.
    is_red, is_green = value.clone().eq_(red), value.clone().eq_(green)
    # In sixths of the circle from red; the largest channel decides in which third the hue lies.
    hue = (red - green).lerp_(blue - red, is_green).lerp_(green - blue, is_red)
    hue /= chroma.clamp(min=1e-12)  # a grey pixel has a numerator of 0
    hue += (4 - 2 * is_green).mul_(1 - is_red)
    hue += 6 * turn
    hue -= (hue / 6).floor_().mul_(6)
    # A channel is the value less a part of the chroma, 0 to 1: none near the channel's own hue.
    opposite = image.new_tensor([3.0, 5.0, 1.0]).view(1, 3, 1, 1)
    fall = (hue[:, None] - opposite).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
    return torch.addcmul(value[:, None], chroma[:, None], fall, value=-1)
