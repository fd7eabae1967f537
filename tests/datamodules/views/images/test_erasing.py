import math

import pytest
import torch
from torchvision.transforms.v2 import RandomErasing
from torchvision.transforms.v2 import functional as reference

from manyviews import draws
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.errors import ConfigError

ROWS = torch.arange(40)


RATIO = [3 / 4, 4 / 3]


def numbers(operation, rows=ROWS):
    return draws.uniform(0, 0, rows, 0, "any", operation.draws)


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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Erasing(0.5, [0, 1], RATIO), "erasing scale="),
        (lambda: Erasing(0.5, [0.1, 1], [2, 1]), "erasing ratio="),
        (lambda: Erasing(0.5, [0.1, 1], RATIO, 128), "erasing value=128; allowed: 0 to 1, or null"),
    ],
)
def test_impossible_values_are_one_line(make, said):
    with pytest.raises(ConfigError, match=said):
        make()
