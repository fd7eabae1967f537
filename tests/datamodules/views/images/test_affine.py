"""`mode: affine` against the exact operations."""

import pytest
import torch

from manyviews.datamodules.images.public import fashion_mnist_mini
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import Jitter, adjust_hue, hue_matrix
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale, luma
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.solarize import Solarize

RATIO = [3 / 4, 4 / 3]
JITTER = Jitter(0.8, 0.1, 0.1, 0.1)


def smooth(count, channels, height, width, low=0, high=255):
    """Images of colourful patches."""
    generator = torch.Generator().manual_seed(3)
    patches = torch.rand(count, channels, 6, 6, generator=generator)
    image = torch.nn.functional.interpolate(patches, size=(height, width), mode="bilinear")
    return (low + (high - low) * image).round().to(torch.uint8)


def both(image, operations, views=2):
    """The views of an image in both modes, in [0, 1]."""
    channels, position = image.shape[1], torch.arange(len(image))
    made = {
        mode: Views(mode=mode, large=View(views, operations))(
            image, position, seed=0, epoch=0, mean=(0.0,) * channels, std=(1.0,) * channels
        )
        for mode in ("exact", "affine")
    }
    return torch.cat(made["exact"]), torch.cat(made["affine"])


ORDERS = {
    "papers": ("crop", "flip", "jitter", "gray", "blur"),
    "colours first": ("jitter", "gray", "blur", "crop", "flip"),
    "twice": ("flip", "blur", "jitter", "crop", "gray", "more", "flip2", "blur2"),
    "no pixels": ("jitter", "gray", "more"),
    "no colours": ("flip", "crop", "blur"),
    "broken by others": ("crop", "flip", "jitter", "solarize", "blur", "more", "gray"),
}
OPERATIONS = {
    "crop": Crop(None, [0.3, 1.0], RATIO, "bilinear"),
    "flip": Flip(0.5),
    "jitter": JITTER,
    "gray": Grayscale(0.3),
    "blur": Blur(0.5, [0.1, 2.0], 5),
    "more": JITTER,
    "flip2": Flip(0.5),
    "blur2": Blur(0.5, [0.1, 2.0], 3),
    "solarize": Solarize(0.3, 0.5),
}


# What is fused depends on the order and the channels, hence every pair of them; a batch of one row
# and large images, whose sums are made otherwise, come once in every order.
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("channels", "height", "width", "count"), [(1, 24, 17, 24), (3, 100, 30, 24), (4, 24, 17, 1)]
)
def test_where_no_clamp_acts_both_modes_are_equal(height, width, order, channels, count):
    # 88 to 118: no pixel comes near the threshold of solarize, where an error would be a jump.
    image = smooth(count, channels, height, width, 88, 118)
    image[:, :, : height // 2] += 70
    operations = {name: OPERATIONS[name] for name in ORDERS[order] if name != "solarize"}
    exact, affine = both(image, operations)
    torch.testing.assert_close(affine, exact, rtol=0, atol=5e-6)
    assert (exact[: len(image)] - exact[len(image) :]).abs().max() > 1e-3


def test_what_is_not_linear_stands_where_it_was_declared():
    image = smooth(32, 3, 20, 20, 88, 118)
    exact, affine = both(image, {name: OPERATIONS[name] for name in ORDERS["broken by others"]})
    assert ((affine - exact).abs() > 1e-5).float().mean() < 0.002  # pixels at the threshold


@pytest.mark.parametrize(
    ("channels", "strengths", "measured"),
    [
        (1, (0.4, 0.4), 0.0010),
        (1, (0.8, 0.8), 0.0036),
        (3, (0.4, 0.4, 0.2), 0.0011),
        (3, (0.4, 0.4, 0.2, 0.1), 0.026),
        (3, (0.8, 0.8, 0.8, 0.2), 0.040),
    ],
)
def test_in_general_the_modes_differ_by_what_the_page_says(channels, strengths, measured):
    image = fashion_mnist_mini().train.image[:256] if channels == 1 else smooth(256, 3, 32, 32)
    operations = {
        "crop": Crop(None, [0.2, 1.0], RATIO, "bicubic"),
        "flip": Flip(0.5),
        "jitter": Jitter(0.8, *strengths),
        "gray": Grayscale(0.2),
    }
    exact, affine = both(image, operations)
    assert 0 <= affine.min() <= affine.max() <= 1
    assert 0.7 * measured < (affine - exact).abs().mean() < 1.3 * measured


def test_the_turn_in_yiq_keeps_luma_and_grey_and_can_be_undone():
    turn, image = torch.linspace(-0.5, 0.5, 9), torch.rand(9, 3, 6, 6)
    turned = (hue_matrix(turn) @ image.flatten(2)).view_as(image)
    torch.testing.assert_close(luma(turned), luma(image), rtol=0, atol=5e-4)
    grey = torch.full((9, 3, 1), 0.3)
    torch.testing.assert_close(hue_matrix(turn) @ grey, grey)
    back = hue_matrix(-turn) @ hue_matrix(turn)
    torch.testing.assert_close(back, torch.eye(3).expand(9, 3, 3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("turn", [-0.2, -0.05, 0.05, 0.2])
def test_the_turn_in_yiq_goes_the_way_of_the_turn_in_hsv(turn):
    image, turns = torch.rand(64, 3, 4, 4), torch.full((64,), turn)
    exact = adjust_hue(image, turns[:, None, None])
    there, back = (
        ((hue_matrix(t) @ image.flatten(2)).view_as(image) - exact).norm() for t in (turns, -turns)
    )
    assert there < (image - exact).norm() < back
