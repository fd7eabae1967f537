"""Sums over rows and columns on a CPU, compared with products on other devices."""

import pytest
import torch

from manyviews.datamodules.views.images import separable
from manyviews.datamodules.views.images.blur import blur_taps, gaussian
from manyviews.datamodules.views.images.resize import Resize
from manyviews.datamodules.views.images.separable import LARGE, mix

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
    summed = mix(image, rows, columns)
    monkeypatch.setattr(separable, "uses_products", lambda _: True)
    assert summed.is_contiguous()
    torch.testing.assert_close(mix(image, rows, columns), summed, rtol=0, atol=5e-6)
    expected = (
        rows.matrix(height).mT[:, None].to(image) @ image @ columns.matrix(width)[:, None].to(image)
    )
    torch.testing.assert_close(summed, expected, rtol=0, atol=5e-6)


def test_mirrored_maps_give_mirrored_images():
    image, columns = torch.rand(COUNT, 3, 8, 8), resizing(8, 11)
    where = torch.tensor([True, False, True, True, False])
    plain = mix(image, resizing(8, 11), columns)
    turned = mix(image, resizing(8, 11), columns.mirror(where))
    torch.testing.assert_close(turned[where], plain[where].flip(-1))
    assert torch.equal(turned[~where], plain[~where])
