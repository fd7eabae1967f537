import pytest
import torch

from manyviews import draws
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.separable import LARGE


def test_flip_mirrors_the_samples_whose_draw_is_below_the_probability():
    image = torch.rand(2, 1, 3, 4)
    found = Flip(0.5)(image, torch.tensor([[0.4], [0.6]]))
    assert torch.equal(found, torch.stack([image[0].flip(-1), image[1]]))


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
