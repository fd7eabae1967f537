import math

import pytest
import torch
from torchvision.transforms.v2 import (
    InterpolationMode,
    RandomResizedCrop,
)
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.errors import ConfigError

ROWS = torch.arange(48)


RATIO = [3 / 4, 4 / 3]


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "crop", operation.draws)


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


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width", "size"), [(120, 97, 96), (60, 130, 20), (40, 40, 96)])
def test_large_images_on_a_cpu_equal_the_products(height, width, size, interpolation, monkeypatch):
    image = torch.rand(6, 3, height, width)
    operations = [
        Crop(size, [0.1, 1.0], RATIO, interpolation),
        Flip(0.5),
        Blur(0.7, [0.1, 2.0], 9),
    ]
    looped, multiplied = image, image
    for operation in operations:
        u = numbers(operation, ROWS[:6])
        looped = operation(looped, u)
        with monkeypatch.context() as patched:
            patched.setattr("manyviews.datamodules.views.images.crop.LARGE", 1000)
            multiplied = operation(multiplied, u)
    torch.testing.assert_close(looped, multiplied, rtol=0, atol=5e-6)


def test_large_bytes_are_resized_as_torchvisions_bytes():
    byte = torch.randint(0, 256, (6, 3, 120, 100), dtype=torch.uint8)
    crop = Crop(96, [0.1, 1.0], RATIO, "bicubic")
    u = numbers(crop, ROWS[:6])
    box, mode = crop.boxes([(120, 100)], u), InterpolationMode.BICUBIC
    expected = [
        reference.resized_crop(i, *map(int, at), [96, 96], mode, antialias=True)
        for i, *at in zip(byte, *box, strict=True)
    ]
    assert torch.equal(crop(byte, u), torch.stack(expected) / 255)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Crop(0, [0.1, 1], RATIO), "crop size=0"),
        (lambda: Crop(8, [0.0, 1], RATIO), "crop scale="),
        (lambda: Crop(8, [0.9, 0.1], RATIO), "0 < low <= high <= 1"),
        (lambda: Crop(8, [0.1, 1], [2, 1]), "crop ratio="),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
