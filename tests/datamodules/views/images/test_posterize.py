import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.posterize import Posterize
from manyviews.errors import ConfigError

ROWS = torch.arange(40)


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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Posterize(0.5, 9), "posterize bits=9; allowed: 0 to 8"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
