import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.solarize import Solarize

ROWS = torch.arange(48)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "crop", operation.draws)


@pytest.mark.parametrize("channels", [1, 3])
def test_solarize_equals_torchvision_on_bytes(channels):
    byte = torch.randint(0, 256, (len(ROWS), channels, 9, 7), dtype=torch.uint8)
    operation = Solarize(0.4)
    u = numbers(operation)
    expected = torch.where((u < 0.4)[..., None, None], reference.solarize(byte, 128), byte)
    torch.testing.assert_close(operation(byte / 255, u), expected / 255, rtol=0, atol=1e-6)
