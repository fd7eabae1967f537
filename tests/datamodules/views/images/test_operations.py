"""Operations beyond the papers' chains, and what holds of every operation."""

import math

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode, RandomErasing, RandomPerspective
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.color_jitter import Jitter
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.grayscale import Grayscale
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.posterize import Posterize
from manyviews.datamodules.views.images.rotation import Rotation
from manyviews.datamodules.views.images.solarize import Solarize
from manyviews.datamodules.views.images.torchvision import Torchvision
from manyviews.errors import ConfigError

ROWS = torch.arange(40)
RATIO = [3 / 4, 4 / 3]


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "any", operation.draws)


@pytest.mark.parametrize("bits", [0, 1, 4, 8])
def test_posterize_equals_torchvision(bits):
    byte = torch.randint(0, 256, (len(ROWS), 3, 9, 7), dtype=torch.uint8)
    operation = Posterize(0.4, bits)
    u = numbers(operation)
    expected = torch.where((u < 0.4)[..., None, None], reference.posterize(byte, bits), byte)
    torch.testing.assert_close(operation(byte / 255, u), expected / 255, rtol=0, atol=1e-6)


def test_posterize_rounds_to_the_byte_first():
    image = torch.full((1, 1, 1, 1), 15.7 / 255)
    found = Posterize(1.0, 4)(image, torch.zeros(1, 1))
    torch.testing.assert_close(found, torch.full_like(image, 16 / 255))


@pytest.mark.parametrize("fill", [0.0, 0.4])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (9, 15), (1, 1), (1, 6)])
def test_rotation_equals_torchvision(height, width, fill):
    image, operation = torch.rand(len(ROWS), 3, height, width), Rotation(0.7, 180, fill)
    u, mode = numbers(operation), InterpolationMode.BILINEAR
    expected = [
        reference.rotate(i, (2 * turn - 1) * 180, mode, fill=[fill]) if apply < 0.7 else i
        for i, (apply, turn) in zip(image, u.tolist(), strict=True)
    ]
    torch.testing.assert_close(operation(image, u), torch.stack(expected), rtol=0, atol=2e-5)


def first_fitting_box(u, height, width, scale, ratio):
    """torchvision's loop of ten tries for one sample, restated."""
    for area, shape in zip(u[:10], u[10:20], strict=True):
        target = height * width * (scale[0] + (scale[1] - scale[0]) * area)
        low, high = (math.log(r) for r in ratio)
        aspect = math.exp(low + (high - low) * shape)
        h, w = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        if h < height and w < width:
            return int(u[20] * (height - h + 1)), int(u[21] * (width - w + 1)), h, w
    return 0, 0, 0, 0


@pytest.mark.parametrize("scale", [[0.02, 0.33], [0.9, 1.0]])
@pytest.mark.parametrize(("height", "width"), [(20, 20), (30, 8)])
def test_erasing_equals_torchvision(height, width, scale):
    image, ratio = torch.rand(len(ROWS), 3, height, width), [0.3, 3.3]
    operation = Erasing(0.6, scale, ratio, 0.25)
    u = numbers(operation)
    expected = []
    for picture, row in zip(image, u.double().tolist(), strict=True):
        i, j, h, w = first_fitting_box(row, height, width, scale, ratio)
        erased = reference.erase(picture, i, j, h, w, torch.full((3, 1, 1), 0.25))
        expected.append(erased if row[-1] < 0.6 else picture)
    assert torch.equal(operation(image, u), torch.stack(expected))


def test_boxes_are_as_large_as_torchvisions():
    operation, count = Erasing(1.0, [0.02, 0.33], [0.3, 3.3], 0.0), 3000
    erased = operation(torch.ones(count, 1, 28, 28), numbers(operation, torch.arange(count)))
    torch.manual_seed(0)
    theirs = RandomErasing(1.0, (0.02, 0.33), (0.3, 3.3))
    expected = torch.stack([theirs(torch.ones(1, 28, 28)) for _ in range(count)])
    ours, theirs = ((1 - e).mean((1, 2, 3)) for e in (erased, expected))
    assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() * math.sqrt(2 / count)


def test_what_is_erased_is_0_behind_the_normalisation():
    kind = View(2, {"erasing": Erasing(1.0, [0.2, 0.4], RATIO)})
    image = torch.full((8, 3, 16, 16), 255, dtype=torch.uint8)
    mean, std = (0.3, 0.5, 0.7), (0.2, 0.3, 0.4)
    found = Views(large=kind)(image, ROWS[:8], seed=0, epoch=0, mean=mean, std=std)[0]
    share = (found == 0).float().mean((1, 2, 3))
    assert torch.all((0.1 < share) & (share < 0.5))
    assert torch.equal((found == 0).any(1), (found == 0).all(1))


def test_a_transform_of_torchvision_is_a_function_of_the_sample():
    operation = Torchvision(0.5, "RandomPerspective", {"p": 1.0})
    image, u = torch.rand(len(ROWS), 3, 12, 12), numbers(Torchvision(0.5, "Identity", {}))
    state = torch.random.get_rng_state()
    together, alone = operation(image, u), operation(image[7:8], u[7:8])
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(together[7:8], alone)
    changed = (together != image).flatten(1).any(1)
    assert torch.equal(changed, u[:, 0] < 0.5)
    high, low = (int(n * 2**24) for n in u[changed][0, 1:])
    torch.manual_seed(high << 24 | low)
    expected = RandomPerspective(p=1.0)(image[changed][0]).clamp(0, 1)
    assert torch.equal(together[changed][0], expected)


def test_a_transform_that_changes_the_size_is_told():
    operation = Torchvision(1.0, "CenterCrop", {"size": 4})
    with pytest.raises(ConfigError, match=r"CenterCrop makes \(1, 4, 4\) of \(1, 8, 8\)"):
        operation(torch.rand(2, 1, 8, 8), torch.rand(2, 3))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Posterize(0.5, 9), "posterize bits=9; allowed: 0 to 8"),
        (lambda: Posterize(2, 4), "posterize probability=2"),
        (lambda: Rotation(0.5, 200), "rotation degrees=200"),
        (lambda: Rotation(0.5, 20, 255), "rotation fill=255; allowed: 0 to 1"),
        (lambda: Erasing(0.5, [0, 1], RATIO), "erasing scale="),
        (lambda: Erasing(0.5, [0.1, 1], [2, 1]), "erasing ratio="),
        (lambda: Erasing(0.5, [0.1, 1], RATIO, 128), "erasing value=128; allowed: 0 to 1, or null"),
        (lambda: Torchvision(0.5, "RandAugmnt", {}), "did you mean 'RandAugment'"),
        (lambda: Torchvision(0.5, "RandAugment", {"ops": 3}), r"RandAugment\(ops=3\): .*'ops'"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def every_operation(size, kernel_size):
    return {
        "crop": Crop(size, [0.2, 1.0], RATIO, "bicubic"),
        "flip": Flip(0.5),
        "jitter": Jitter(0.8, 0.4, 0.4, 0.4, 0.1),
        "grayscale": Grayscale(0.2),
        "blur": Blur(0.5, [0.1, 2.0], kernel_size),
        "solarize": Solarize(0.2),
        "posterize": Posterize(0.5, 4),
        "rotation": Rotation(0.5, 30),
        "erasing": Erasing(0.5, [0.02, 0.33], [0.3, 3.3]),
    }


def views(image, size, kernel_size, mode):
    kind, channels = View(2, every_operation(size, kernel_size)), image.shape[1]
    made = Views(mode=mode, large=kind)
    position = torch.arange(len(image), device=image.device)
    mean, std = (0.5,) * channels, (0.25,) * channels
    return made(image, position, seed=0, epoch=0, mean=mean, std=std)[0]


@pytest.mark.parametrize("mode", ["exact", "affine"])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("height", "width", "size", "kernel_size"),
    [(1, 1, None, 1), (1, 7, None, 1), (13, 6, None, 5), (6, 13, 9, 3), (100, 30, 8, 3)],
)
def test_any_channels_and_any_size(mode, channels, height, width, size, kernel_size):
    image = torch.randint(0, 256, (6, channels, height, width), dtype=torch.uint8)
    found = views(image, size, kernel_size, mode)
    assert found.shape == (6, channels, *((size, size) if size else (height, width)))
    assert found.isfinite().all()
    assert found.min() >= -2 - 1e-5
    assert found.max() <= 2 + 1e-5


@pytest.mark.parametrize("mode", ["exact", "affine"])
@pytest.mark.parametrize("size", [24, 224])
def test_no_operation_waits_for_the_device(mode, size):
    """On the meta device nothing can be read: item, tolist, nonzero, boolean masks all raise."""
    image = torch.empty(4, 3, 256, 250, dtype=torch.uint8, device="meta")
    assert views(image, size, 3, mode).shape == (4, 3, size, size)


@pytest.mark.parametrize("mode", ["exact", "affine"])
def test_views_leave_the_generators_and_the_images_alone(mode):
    image = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    before, state = image.clone(), torch.random.get_rng_state()
    views(image, None, 3, mode)
    assert torch.equal(image, before)
    assert torch.equal(state, torch.random.get_rng_state())


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
