"""Random brightness, contrast, saturation and hue in a random order, as torchvision's ColorJitter.

The first three are one operation, a blend of the image with something greyer; the hue is another.
"""

from __future__ import annotations

from itertools import permutations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.datamodules.views.images.colour_map import ColourMap
from manyviews.datamodules.views.images.grayscale import luma, luma_weights
from manyviews.datamodules.views.images.random_apply import Sometimes
from manyviews.errors import ConfigError

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)


class Jitter(Sometimes):
    """Factors from [max(0, 1 - s), 1 + s] and a turn of the hue, in a random order per sample.

    Saturation and hue leave images that do not have three channels as they are.

    Args:
        probability: that a sample is changed at all, 0 to 1.
        brightness: strength s of the factor on the pixels.
        contrast: strength s of the factor on the distance to the image's mean grey.
        saturation: strength s of the factor on the distance to each pixel's grey.
        hue: largest turn to either side, as a share of the circle; 0 to 0.5.
    """

    draws = 6  # apply, order, brightness, contrast, saturation, hue

    def __init__(
        self,
        probability: float,
        brightness: float,
        contrast: float,
        saturation: float = 0.0,
        hue: float = 0.0,
    ) -> None:
        super().__init__(probability)
        strengths = (brightness, contrast, saturation, hue)
        if min(strengths) < 0 or hue > 0.5:
            raise ConfigError(
                f"jitter strengths are {', '.join(map(str, strengths))}; allowed: 0 or more, "
                "the last (hue) up to 0.5"
            )
        self.strengths = strengths

    def __call__(
        self, image: Float[Tensor, "B C H W"], draws: Float[Tensor, "B 6"]
    ) -> Float[Tensor, "B C H W"]:
        """Changed where the first draw is below the probability."""
        colour = image.shape[1] == 3
        places = self._order(draws[:, 1], colour=colour).unbind(1)
        factor, turn = self._strengths(draws)
        if not self.strengths[HUE] or not colour:
            for kind in places:
                image = blend(image, kind, factor)
            return image
        # A blend of kind HUE has a factor of 1, the identity: what lies on the other side of it.
        at = (torch.stack(places, 1) == HUE).int().argmax(1)
        for place, kind in enumerate(places[:-1]):
            image = blend(image, torch.where(at > place, kind, HUE), factor)
        image = adjust_hue(image, turn[:, None, None])
        for place, kind in enumerate(places[1:], 1):
            image = blend(image, torch.where(at < place, kind, HUE), factor)
        return image

    def colour_map(self, draws: Float[Tensor, "B 6"], channels: int) -> ColourMap:
        """Weights of each pixel and of the image's mean: b c (s H + (1 - s) J) and b (1 - c) J.

        J makes grey and the hue's turn H keeps it, so that without clamps all orders are equal. H
        turns in the plane of YIQ (`hue_matrix`), not of HSV.
        """
        factor, turn = self._strengths(draws)
        brightness, contrast, saturation = factor[:, :HUE, None, None].unbind(1)
        grey = luma_weights(channels, draws).expand(channels, -1)
        pixel = brightness * contrast
        if channels == 3 and any(self.strengths[SATURATION:]):
            pixel = pixel * torch.lerp(grey, hue_matrix(turn), saturation)
        return ColourMap(pixel, brightness * (1 - contrast) * grey)

    def _strengths(
        self, draws: Float[Tensor, "B 6"]
    ) -> tuple[Float[Tensor, "B 4"], Float[Tensor, " B"]]:
        """The factor of every blend, 1 where nothing is applied, and the turn of the hue."""
        lows = [max(0.0, 1 - s) for s in self.strengths[:HUE]]
        spans = [1 + s - low for s, low in zip(self.strengths, lows, strict=False)]
        low, span = draws.new_tensor([*lows, 1.0]), draws.new_tensor([*spans, 0.0])
        apply = draws[:, :1] < self.probability
        turn = (2 * draws[:, 5] - 1) * self.strengths[HUE]
        factor = torch.where(apply, low + span * draws[:, 2:], 1.0)
        return factor, torch.where(apply[:, 0], turn, 0.0)

    def _order(self, draw: Float[Tensor, " B"], *, colour: bool) -> Int64[Tensor, "B n"]:
        """The operations of each sample in the order that its draw chose."""
        usable = range(HUE + 1) if colour else (BRIGHTNESS, CONTRAST)
        kinds = [kind for kind in usable if self.strengths[kind]]
        orders = torch.tensor([*permutations(kinds)], device=draw.device, dtype=torch.int64)
        return orders[(draw * len(orders)).long()]


def blend(
    image: Float[Tensor, "B C H W"], kind: Int64[Tensor, " B"], factor: Float[Tensor, "B 4"]
) -> Float[Tensor, "B C H W"]:
    """clamp(f * image + (1 - f) * other, 0, 1), with f and other those of each sample's kind.

    The other is black for brightness, the image's mean grey for contrast, each pixel's own grey for
    saturation.
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
    """The blend as a matrix on the channels and what is added; `grey` is the image's mean."""
    f, kind = factor.gather(1, kind[:, None])[..., None], kind[:, None, None]
    saturation = torch.where(kind == SATURATION, 1 - f, 0.0)
    matrix = f * torch.eye(len(weight), device=weight.device) + saturation * weight
    return matrix, torch.where(kind == CONTRAST, 1 - f, 0.0) * grey[:, None, None]


def adjust_hue(
    image: Float[Tensor, "B 3 H W"], turn: Float[Tensor, "B 1 1"]
) -> Float[Tensor, "B 3 H W"]:
    """The hue of HSV turned by a share of the circle; value and saturation stay."""
    red, green, blue = image.unbind(1)
    value = torch.maximum(red, green).maximum(blue)
    chroma = value - torch.minimum(red, green).minimum(blue)
    # Ones and zeros with lerp, in place: torch.where takes twenty times as long on a CPU, and new
    # memory more than arithmetic.
    is_red, is_green = value.clone().eq_(red), value.clone().eq_(green)
    # Sixths of the circle from red; in which third it lies is decided by the largest channel.
    hue = (red - green).lerp_(blue - red, is_green).lerp_(green - blue, is_red)
    hue /= chroma.clamp(min=1e-12)  # a grey pixel has a numerator of 0
    hue += (4 - 2 * is_green).mul_(1 - is_red)
    hue += 6 * turn
    hue -= (hue / 6).floor_().mul_(6)
    # A channel falls from the value by at most the chroma: less, the nearer the hue is to its own.
    opposite = image.new_tensor([3.0, 5.0, 1.0]).view(1, 3, 1, 1)
    fall = (hue[:, None] - opposite).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
    return torch.addcmul(value[:, None], chroma[:, None], fall, value=-1)


YIQ = torch.tensor(  # luma, orange to blue, purple to green: the colours of NTSC television
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
)
GREY = YIQ.inverse() @ torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]) @ YIQ
QUARTER = YIQ.inverse() @ torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, -1, 0]]) @ YIQ


def hue_matrix(turn: Float[Tensor, " B"]) -> Float[Tensor, "B 3 3"]:
    """The hue turned by a share of the circle around the grey axis, as a matrix on the channels.

    Linear, so that it can be multiplied, and not the turn of HSV: luma stays and not the largest
    channel, and the angles between the primary colours differ. What that does to images says
    `affine.py`.
    """
    angle = 2 * torch.pi * turn[:, None, None]
    grey, quarter = GREY.to(turn), QUARTER.to(turn)
    return grey + angle.cos() * (torch.eye(3).to(turn) - grey) + angle.sin() * quarter
