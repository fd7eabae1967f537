"""What holds of every operation."""

import pytest
import torch

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
from manyviews.errors import ConfigError

RATIO = [3 / 4, 4 / 3]


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


def views(image, size, kernel_size):
    kind, channels = View(2, every_operation(size, kernel_size)), image.shape[1]
    made = Views(large=kind)
    position = torch.arange(len(image), device=image.device)
    mean, std = (0.5,) * channels, (0.25,) * channels
    return made(image, position, seed=0, epoch=0, mean=mean, std=std)[0]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("height", "width", "size", "kernel_size"),
    [(1, 1, None, 1), (1, 7, None, 1), (13, 6, None, 5), (6, 13, 9, 3), (100, 30, 8, 3)],
)
def test_any_channels_and_any_size(channels, height, width, size, kernel_size):
    image = torch.randint(0, 256, (6, channels, height, width), dtype=torch.uint8)
    found = views(image, size, kernel_size)
    assert found.shape == (6, channels, *((size, size) if size else (height, width)))
    assert found.isfinite().all()
    assert found.min() >= -2 - 1e-5
    assert found.max() <= 2 + 1e-5


@pytest.mark.parametrize("size", [24, 224])
def test_no_operation_waits_for_the_device(size):
    """On the meta device nothing can be read: item, tolist, nonzero, boolean masks all raise."""
    image = torch.empty(4, 3, 256, 250, dtype=torch.uint8, device="meta")
    assert views(image, size, 3).shape == (4, 3, size, size)


def test_views_leave_the_generators_and_the_images_alone():
    image = torch.randint(0, 256, (4, 3, 20, 20), dtype=torch.uint8)
    before, state = image.clone(), torch.random.get_rng_state()
    views(image, None, 3)
    assert torch.equal(image, before)
    assert torch.equal(state, torch.random.get_rng_state())


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


@pytest.mark.parametrize("make", [Flip, Grayscale, Solarize, lambda p: Posterize(p, 4)])
@pytest.mark.parametrize("probability", [-1, 1.5])
def test_a_probability_out_of_range_is_told(make, probability):
    with pytest.raises(ConfigError, match=f"probability={probability}; allowed: 0 to 1"):
        make(probability)
