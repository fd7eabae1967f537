import pytest
import torch

from manyviews.datamodules.views.images.resize import Resize

COUNT = 5


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "out"), [(28, 28), (32, 16), (40, 96), (1, 1), (300, 224)])
def test_every_new_pixel_is_a_mean_of_pixels_of_its_box(size, out, interpolation):
    start = torch.arange(min(size, COUNT))
    found = Resize(size, out, interpolation)(start, size - start)
    torch.testing.assert_close(found.weight.sum(2), torch.ones(len(start), out))
    inside = found.source >= start[:, None, None]
    assert (inside | (found.weight == 0)).all()
    assert found.source.max() < size
