import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.rotation import Rotation
from manyviews.errors import ConfigError

ROWS = torch.arange(40)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "any", operation.draws)


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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Rotation(0.5, 200), "rotation degrees=200"),
        (lambda: Rotation(0.5, 20, 255), "rotation fill=255; allowed: 0 to 1"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
