import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.grayscale import Grayscale

ROWS = torch.arange(48)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "crop", operation.draws)


@pytest.mark.parametrize("channels", [1, 3])
def test_grayscale_equals_torchvision(channels):
    image, operation = torch.rand(len(ROWS), channels, 9, 7), Grayscale(0.4)
    u = numbers(operation)
    grey = reference.rgb_to_grayscale(image, channels)
    expected = torch.where((u < 0.4)[..., None, None], grey, image)
    torch.testing.assert_close(operation(image, u), expected, rtol=0, atol=1e-6)
