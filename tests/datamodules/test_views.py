import math

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode, RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views import Crop, Flip, Jitter, View, Views
from manyviews.datamodules.views.jitter import adjust_brightness, adjust_contrast
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
    box = crop.boxes(height, width, numbers(crop))
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
    box = torch.stack(crop.boxes(height, width, u), 1).tolist()
    expected = [first_fitting_box(row, height, width, scale, RATIO) for row in u.double().tolist()]
    assert [tuple(b) for b in box] == expected


def test_box_shapes_are_distributed_as_torchvisions():
    ours = Crop(None, [0.2, 1.0], RATIO)
    rows = torch.arange(4000)
    u = draws.uniform(0, 0, rows, 0, "crop", ours.draws)
    area = torch.stack(ours.boxes(28, 28, u)[2:]).prod(0).double()
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


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_and_contrast_equal_torchvision(channels):
    image, factor = torch.rand(6, channels, 9, 7), torch.linspace(0.2, 1.8, 6)
    column = factor.view(6, 1, 1, 1)
    bright = [reference.adjust_brightness(i, float(f)) for i, f in zip(image, factor, strict=True)]
    strong = [reference.adjust_contrast(i, float(f)) for i, f in zip(image, factor, strict=True)]
    torch.testing.assert_close(adjust_brightness(image, column), torch.stack(bright))
    torch.testing.assert_close(adjust_contrast(image, column), torch.stack(strong))


def test_jitter_draws_factors_and_order_per_sample():
    image = torch.rand(4, 1, 8, 8)
    jitter = Jitter(0.5, 0.4, 0.8)
    # apply, order, brightness, contrast: the last sample is not changed at all.
    u = torch.tensor([[0, 0.2, 0.9, 0.1], [0, 0.7, 0.9, 0.1], [0, 0.7, 0.5, 0.5], [0.6, 0, 0, 0]])
    bright, strong = torch.full((1, 1, 1, 1), 1.32), torch.full((1, 1, 1, 1), 0.36)
    first = adjust_contrast(adjust_brightness(image[:1], bright), strong)
    second = adjust_brightness(adjust_contrast(image[1:2], strong), bright)
    found = jitter(image, u)
    torch.testing.assert_close(found, torch.cat([first, second, image[2:]]))
    assert not torch.equal(first, jitter(image[:1], u[1:2]))


@pytest.mark.parametrize(
    "operation", [Flip(0.0), Jitter(0.0, 0.9, 0.9), Jitter(1.0, 0.0, 0.0)], ids=str
)
def test_probability_or_strength_zero_is_the_identity(operation):
    image = torch.rand(16, 3, 8, 8)
    torch.testing.assert_close(operation(image, torch.rand(16, operation.draws)), image)


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
