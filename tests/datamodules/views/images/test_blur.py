import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.blur import Blur
from manyviews.errors import ConfigError

ROWS = torch.arange(48)


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "crop", operation.draws)


@pytest.mark.parametrize(("size", "kernel_size"), [((28, 28), 3), ((20, 31), 9), ((12, 12), 23)])
def test_blur_equals_torchvision(size, kernel_size):
    image, blur = torch.rand(len(ROWS), 3, *size), Blur(0.5, [0.1, 2.0], kernel_size)
    u = numbers(blur)
    expected = [
        reference.gaussian_blur(i, [kernel_size] * 2, [0.1 + 1.9 * s] * 2) if apply < 0.5 else i
        for i, (apply, s) in zip(image, u.tolist(), strict=True)
    ]
    torch.testing.assert_close(blur(image, u), torch.stack(expected), rtol=0, atol=2e-6)


def test_a_kernel_beyond_the_image_is_told():
    with pytest.raises(ConfigError, match="kernel_size=25 is too large for 12 x 28 .*=23 or less"):
        Blur(1.0, [0.1, 2.0], 25).size(12, 28)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Blur(0.5, [2.0, 0.1], 3), "blur sigma=.*allowed"),
        (lambda: Blur(0.5, [0.1, 2.0], 4), "blur kernel_size=4; allowed: odd"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
