import math
from itertools import permutations

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode, RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import (
    BRIGHTNESS,
    CONTRAST,
    HUE,
    SATURATION,
    Jitter,
    adjust_hue,
    blend,
)
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.solarize import Solarize
from manyviews.errors import ConfigError

ROWS = torch.arange(48)
RATIO = [3 / 4, 4 / 3]


def numbers(operation, purpose="crop"):
    return draws.uniform(0, 0, ROWS, 0, purpose, operation.draws)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("channels", "height", "width", "size"), [(1, 28, 28, 28), (3, 40, 30, 16), (3, 20, 24, 33)]
)
def test_crop_equals_torchvisions_antialiased_resized_crop(
    interpolation, channels, height, width, size
):
    image = torch.rand(len(ROWS), channels, height, width)
    crop = Crop(size, [0.08, 1.0], RATIO, interpolation)
    box = crop.boxes([(height, width)], numbers(crop))
    mode = InterpolationMode(interpolation)
    expected = [
        reference.resized_crop(picture, *map(int, corner), [size, size], mode, antialias=True)
        for picture, *corner in zip(image, *box, strict=True)
    ]
    found = crop(image, numbers(crop))
    torch.testing.assert_close(found, torch.stack(expected).clamp(0, 1), rtol=0, atol=2e-6)


def first_fitting_box(u, height, width, scale, ratio):
    """torchvision's loop of ten tries for one sample, restated."""
    for area, shape in zip(u[:10], u[10:20], strict=True):
        target = height * width * (scale[0] + (scale[1] - scale[0]) * area)
        low, high = (math.log(r) for r in ratio)
        aspect = math.exp(low + (high - low) * shape)
        w, h = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(u[20] * (height - h + 1)), int(u[21] * (width - w + 1)), h, w
    w, h = width, height
    if width / height < ratio[0]:
        h = round(width / ratio[0])
    elif width / height > ratio[1]:
        w = round(height * ratio[1])
    return (height - h) // 2, (width - w) // 2, h, w


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(28, 28, [0.08, 1.0]), (64, 10, [0.9, 1.0]), (10, 64, [0.9, 1.0])],
)
def test_boxes_are_those_of_a_loop_over_the_tries(height, width, scale):
    crop = Crop(None, scale, RATIO)
    u = numbers(crop)
    box = torch.stack(crop.boxes([(height, width)], u), 1).tolist()
    expected = [first_fitting_box(row, height, width, scale, RATIO) for row in u.double().tolist()]
    assert [tuple(b) for b in box] == expected


def test_every_image_may_have_a_size_of_its_own():
    crop, sizes = Crop(None, [0.9, 1.0], RATIO), [(28, 28), (64, 10), (10, 64)]
    u = numbers(crop)[:3]
    together = torch.stack(crop.boxes(sizes, u), 1)
    alone = [torch.stack(crop.boxes([s], row[None]), 1) for s, row in zip(sizes, u, strict=True)]
    assert torch.equal(together, torch.cat(alone))


def test_box_shapes_are_distributed_as_torchvisions():
    ours = Crop(None, [0.2, 1.0], RATIO)
    rows = torch.arange(4000)
    u = draws.uniform(0, 0, rows, 0, "crop", ours.draws)
    area = torch.stack(ours.boxes([(28, 28)], u)[2:]).prod(0).double()
    torch.manual_seed(0)
    theirs = RandomResizedCrop(28, (0.2, 1.0))
    boxes = [theirs.make_params([torch.zeros(1, 28, 28)]) for _ in range(4000)]
    expected = torch.tensor([b["height"] * b["width"] for b in boxes]).double()
    assert abs(area.mean() - expected.mean()) < 4 * expected.std() / math.sqrt(2000)
    assert abs(area.std() - expected.std()) < 12


def test_whole_image_at_its_own_size_is_unchanged():
    image = torch.rand(8, 1, 28, 28)
    crop = Crop(None, [1.0, 1.0], [1.0, 1.0])
    found = crop(image, torch.rand(8, crop.draws))
    torch.testing.assert_close(found, image)


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


@pytest.mark.parametrize(("size", "kernel_size"), [((28, 28), 3), ((20, 31), 9), ((12, 12), 23)])
def test_blur_equals_torchvision(size, kernel_size):
    image, blur = torch.rand(len(ROWS), 3, *size), Blur(0.5, [0.1, 2.0], kernel_size)
    u = numbers(blur)
    expected = [
        reference.gaussian_blur(i, [kernel_size] * 2, [0.1 + 1.9 * s] * 2) if apply < 0.5 else i
        for i, (apply, s) in zip(image, u.tolist(), strict=True)
    ]
    torch.testing.assert_close(blur(image, u), torch.stack(expected), rtol=0, atol=2e-6)


def test_a_kernel_beyond_the_image_is_told():
    with pytest.raises(ConfigError, match="kernel_size=25 is too large for 12 x 28 .*=23 or less"):
        Blur(1.0, [0.1, 2.0], 25).size(12, 28)


@pytest.mark.parametrize("channels", [1, 3])
def test_grayscale_and_solarize_equal_torchvision(channels):
    image = (torch.rand(len(ROWS), channels, 9, 7) * 255).round() / 255
    byte = (image * 255).to(torch.uint8)
    for operation, expected in (
        (Grayscale(0.4), reference.rgb_to_grayscale(image, channels)),
        (Solarize(0.4), reference.solarize(byte, 128).float() / 255),
    ):
        u = numbers(operation)
        expected = torch.where((u < 0.4)[..., None, None], expected, image)
        torch.testing.assert_close(operation(image, u), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "operation",
    [
        Flip(0.0),
        Jitter(0.0, 0.9, 0.9, 0.9, 0.5),
        Jitter(1.0, 0.0, 0.0),
        Blur(0.0, [0.1, 2.0], 3),
        Grayscale(0.0),
        Solarize(0.0),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_probability_or_strength_zero_is_the_identity(operation):
    image = torch.rand(16, 3, 8, 8)
    found = operation(image, torch.rand(16, operation.draws))
    torch.testing.assert_close(found, image, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Jitter(1.5, 0, 0),
        lambda: Jitter(0.5, 0, 0, 0, 0.6),
        lambda: Blur(0.5, [2.0, 0.1], 3),
        lambda: Blur(0.5, [0.1, 2.0], 4),
        lambda: Grayscale(-1),
        lambda: Solarize(2),
    ],
)
def test_numbers_out_of_range_are_told(make):
    with pytest.raises(ConfigError, match="allowed"):
        make()


def test_flip_mirrors_the_samples_whose_draw_is_below_the_probability():
    image = torch.rand(2, 1, 3, 4)
    found = Flip(0.5)(image, torch.tensor([[0.4], [0.6]]))
    assert torch.equal(found, torch.stack([image[0].flip(-1), image[1]]))


def views():
    operations = {
        "crop": Crop(None, [0.3, 1.0], RATIO),
        "flip": Flip(0.5),
        "jitter": Jitter(0.8, 0.4, 0.4),
    }
    small = {"crop": Crop(12, [0.1, 0.3], RATIO)}
    return Views(large=View(2, operations), small=View(2, small))


def make(rows, seed=0, epoch=0):
    image = torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    chosen = image.to(torch.uint8)[rows]
    return views()(chosen, rows, seed=seed, epoch=epoch, mean=(0.3,), std=(0.35,))


def test_large_views_come_first_and_sizes_say_what_comes_out():
    found = make(torch.arange(8))
    assert [tuple(v.shape[-2:]) for v in found] == views().sizes(28, 28)
    assert views().sizes(28, 28) == [(28, 28), (28, 28), (12, 12), (12, 12)]


def test_a_sample_has_the_same_views_in_every_batch():
    together = make(torch.arange(64))
    reordered = make(torch.tensor([40, 3, 17]))
    for all_rows, few in zip(together, reordered, strict=True):
        assert torch.equal(all_rows[[40, 3, 17]], few)


def test_views_epochs_and_seeds_differ():
    rows = torch.arange(16)
    first, second, *_ = make(rows)
    for other in (second, make(rows, epoch=1)[0], make(rows, seed=1)[0]):
        assert not torch.isclose(first, other).flatten(1).all(1).any()


def test_views_are_normalised_with_the_statistics_of_the_data():
    whole = Views(all=View(2, {"crop": Crop(None, [1.0, 1.0], [1.0, 1.0])}))
    white = torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.4, 0.7)
    found = whole(white, torch.arange(2), seed=0, epoch=0, mean=mean, std=std)[0]
    expected = torch.tensor([0.9 / 0.5, 0.8 / 0.4, 0.7 / 0.7])
    torch.testing.assert_close(found[0, :, 4, 4], expected)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Crop(0, [0.1, 1], RATIO), "crop size=0"),
        (lambda: Crop(8, [0.0, 1], RATIO), "crop scale="),
        (lambda: Crop(8, [0.9, 0.1], RATIO), "0 < low <= high <= 1"),
        (lambda: Crop(8, [0.1, 1], [2, 1]), "crop ratio="),
        (lambda: Flip(1.5), "flip probability=1.5; allowed: 0 to 1"),
        (lambda: Jitter(0.5, -1, 0), "jitter strengths"),
        (lambda: View(0, {}), "count=0"),
    ],
)
def test_impossible_values_are_one_line(build, said):
    with pytest.raises(ConfigError, match=said):
        build()


def test_what_has_probability_0_is_not_even_there():
    operations = {
        "flip": Flip(0.0),
        "jitter": Jitter(0.5, 0.1, 0.1),
        "crop": Crop(4, [1, 1], [1, 1]),
    }
    assert list(View(2, operations).operations) == ["jitter", "crop"]
