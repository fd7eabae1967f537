"""Sums over rows and columns: those of a CPU, those of other devices, and what they are made of."""

import pytest
import torch

from manyviews import draws
from manyviews.datamodules.views.images import separable
from manyviews.datamodules.views.images.blur import blur_taps, gaussian
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.resize import Resize
from manyviews.datamodules.views.images.separable import LARGE, mixed

COUNT = 5


def resizing(size, out, interpolation="bicubic"):
    start = torch.arange(COUNT)
    return Resize(size, out, interpolation)(start, size - start - 1)


def blurring(size):
    return blur_taps(gaussian(torch.linspace(0.3, 2, COUNT), 7), size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (resizing(9, 20), resizing(13, 6)),
        (blurring(9), blurring(13)),
        (resizing(LARGE, 70), resizing(LARGE + 4, 120, "bilinear")),
        (blurring(LARGE + 1), blurring(LARGE + 2)),
    ],
)
def test_sums_on_a_cpu_equal_the_products_of_other_devices(
    rows, columns, channels, dtype, monkeypatch
):
    height, width = (int(t.source.max()) + 1 for t in (rows, columns))
    image = torch.rand(COUNT, channels, height, width, dtype=dtype)
    summed = mixed(image, rows, columns)
    monkeypatch.setattr(separable, "dense", lambda _: True)
    assert summed.is_contiguous()
    torch.testing.assert_close(mixed(image, rows, columns), summed, rtol=0, atol=5e-6)
    expected = (
        rows.matrix(height).mT[:, None].to(image) @ image @ columns.matrix(width)[:, None].to(image)
    )
    torch.testing.assert_close(summed, expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "out"), [(28, 28), (32, 16), (40, 96), (1, 1), (300, 224)])
def test_every_new_pixel_is_a_mean_of_pixels_of_its_box(size, out, interpolation):
    start = torch.arange(min(size, COUNT))
    found = Resize(size, out, interpolation)(start, size - start)
    torch.testing.assert_close(found.weight.sum(2), torch.ones(len(start), out))
    inside = found.source >= start[:, None, None]
    assert (inside | (found.weight == 0)).all()
    assert found.source.max() < size


def test_mirrored_maps_give_mirrored_images():
    image, columns = torch.rand(COUNT, 3, 8, 8), resizing(8, 11)
    where = torch.tensor([True, False, True, True, False])
    plain = mixed(image, resizing(8, 11), columns)
    turned = mixed(image, resizing(8, 11), columns.mirrored(where))
    torch.testing.assert_close(turned[where], plain[where].flip(-1))
    assert torch.equal(turned[~where], plain[~where])


@pytest.mark.parametrize("size", [12, LARGE + 4])
def test_flips_that_go_with_their_crop_are_those_behind_it(size):
    image = torch.randint(0, 256, (24, 3, size, size), dtype=torch.uint8)
    crop, flip = Crop(None, [0.3, 1.0], [0.75, 4 / 3]), Flip(0.5)
    operations = {"crop": crop, "flip": flip, "again": flip}
    rows = torch.arange(len(image))
    given = {"seed": 0, "epoch": 0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    found = Views(all=View(2, operations))(image, rows, **given)
    for view, made in enumerate(found):
        expected = image
        for purpose, operation in operations.items():
            u = draws.uniform(0, 0, rows, view, purpose, operation.draws)
            expected = operation(expected, u)
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-6)
    assert not torch.equal(*found)
