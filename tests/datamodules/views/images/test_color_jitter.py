from itertools import permutations

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.color_jitter import (
    BRIGHTNESS,
    CONTRAST,
    HUE,
    SATURATION,
    Jitter,
    adjust_hue,
    blend,
)
from manyviews.errors import ConfigError

ROWS = torch.arange(48)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "crop", operation.draws)


ADJUST = {
    BRIGHTNESS: reference.adjust_brightness,
    CONTRAST: reference.adjust_contrast,
    SATURATION: reference.adjust_saturation,
    HUE: reference.adjust_hue,
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [BRIGHTNESS, CONTRAST, SATURATION])
def test_blends_equal_torchvision(channels, kind):
    image, factor = torch.rand(6, channels, 9, 7), torch.linspace(0, 1.9, 6)
    expected = [ADJUST[kind](i, float(f)) for i, f in zip(image, factor, strict=True)]
    found = blend(image, torch.full((6,), kind), factor[:, None].expand(6, 4))
    torch.testing.assert_close(found, torch.stack(expected))


def test_hue_equals_torchvision():
    image, turn = torch.rand(6, 3, 9, 7), torch.linspace(-0.5, 0.5, 6)
    image[:, :, 0] = image[:, :1, 0]  # grey: no hue at all
    image[:, :2, 1] = 1.0  # two channels are the largest
    image[:, :, 2] = 0.0
    expected = [reference.adjust_hue(i, float(f)) for i, f in zip(image, turn, strict=True)]
    found = adjust_hue(image, turn[:, None, None])
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("channels", "strengths"),
    [
        (3, (0.8, 0.8, 0.8, 0.2)),
        (3, (0.4, 0.4, 0.2, 0.1)),
        (3, (0.4, 0, 0, 0.5)),
        (1, (0.4, 0.8, 0.5, 0.2)),
    ],
)
def test_jitter_equals_torchvision_in_the_drawn_order(channels, strengths):
    """One sample after the other through torchvision's operations, restated from the draws."""
    image, jitter = torch.rand(len(ROWS), channels, 9, 7), Jitter(0.7, *strengths)
    u = numbers(jitter)
    usable = [k for k in range(4 if channels == 3 else 2) if strengths[k]]
    orders = [*permutations(usable)]
    expected = []
    for picture, row in zip(image, u.tolist(), strict=True):
        for kind in orders[int(row[1] * len(orders))] if row[0] < 0.7 else ():
            low, high = max(0, 1 - strengths[kind]), 1 + strengths[kind]
            if kind == HUE:
                low, high = -strengths[kind], strengths[kind]
            picture = ADJUST[kind](picture, low + (high - low) * row[2 + kind])
        expected.append(picture)
    torch.testing.assert_close(jitter(image, u), torch.stack(expected), rtol=0, atol=1e-5)


def test_every_order_is_drawn():
    jitter = Jitter(1.0, 0.1, 0.1, 0.1, 0.1)
    draw = draws.uniform(0, 0, torch.arange(2000), 0, "jitter", 6)[:, 1]
    assert len(jitter._order(draw, colour=True).unique(dim=0)) == 24


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Jitter(1.5, 0, 0), "jitter probability=1.5; allowed: 0 to 1"),
        (lambda: Jitter(0.5, -1, 0), "jitter brightness=-1; allowed: 0 to 100"),
        (lambda: Jitter(0.5, 0, 0, 0, 0.6), "jitter hue=0.6; allowed: 0 to 0.5"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
