"""How operations join the chain of a view, a user's own among them."""

import torch

from manyviews import build, config
from manyviews.datamodules.views.images.blur import Blur
from manyviews.datamodules.views.images.crop import Crop, LoopedCrops, SeparableCrops
from manyviews.datamodules.views.images.erasing import Erasing
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.operation import fold
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.images.step import Applied

CROP, FLIP = Crop(None, [0.3, 1.0], [3 / 4, 4 / 3]), Flip(0.5)


class Darker:
    """A plain operation: three members and no more."""

    draws = 1

    def size(self, height, width):
        return height, width

    def __call__(self, image, draws):
        return image * draws[:, :, None, None]


class Twice(Darker):
    """An operation that merges with another of its kind before it."""

    def __init__(self, times=2):
        self.times = times

    def __call__(self, image, draws):
        return (self.times * image).clamp(max=1)

    def fold_into(self, steps, draws, size, mean):
        if steps and isinstance(getattr(steps[-1], "operation", None), Twice):
            *steps, last = steps
            return [*steps, Applied(Twice(self.times * last.operation.times), draws)]
        return [*steps, Applied(self, draws)]


def chain(*operations, size=(12, 12)):
    """The steps of a view that consists of these operations."""
    steps, generator = [], torch.Generator().manual_seed(0)
    for operation in operations:
        draws = torch.rand(4, operation.draws, generator=generator)
        steps = fold(operation, steps, draws, size, torch.tensor([0.5]))
    return steps


def test_a_plain_operation_is_one_more_call():
    first, second = chain(CROP, Darker())
    assert isinstance(first, SeparableCrops) and isinstance(second, Applied)
    assert isinstance(second.operation, Darker)


def test_flips_merge_with_the_crop_before_them_and_with_nothing_else():
    assert [type(step) for step in chain(CROP, FLIP, FLIP)] == [SeparableCrops]
    assert [type(step) for step in chain(CROP, FLIP, size=(120, 120))] == [LoopedCrops]
    behind_blur = chain(CROP, Blur(0.5, [0.1, 2.0], 3), FLIP)
    assert [type(step) for step in behind_blur] == [SeparableCrops, Applied, Applied]
    assert [type(step) for step in chain(FLIP, CROP)] == [Applied, SeparableCrops]


def test_erasing_learns_the_mean_of_the_data():
    (step,) = chain(Erasing(1.0, [0.2, 0.4], [0.5, 2.0]))
    assert (step(torch.ones(4, 1, 12, 12)) == 0.5).flatten(1).any(1).all()


def test_an_operation_of_ones_own_may_merge_with_the_step_before_it():
    image = torch.full((4, 1, 2, 2), 0.1)
    (step,) = chain(Twice(), Twice(), Twice())
    torch.testing.assert_close(step(image), 8 * image)


def test_the_steps_before_an_operation_are_left_alone():
    steps = chain(CROP)
    before = [*steps]
    fold(FLIP, steps, torch.zeros(4, 1), (12, 12), torch.tensor([0.5]))
    assert all(a is b for a, b in zip(steps, before, strict=True))


OWN = """
class Vignette:
    draws = 1

    def __init__(self, strength):
        self.strength = strength

    def size(self, height, width):
        return height, width

    def __call__(self, image, draws):
        dark = image.new_ones(image.shape[2:])
        dark[[0, -1], :] = dark[:, [0, -1]] = 1 - self.strength
        return image * dark
"""


def test_a_config_names_an_operation_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "own_views.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MANYVIEWS_TRUST", "own_views.")
    own = "+views.large.operations.own={_target_: own_views.Vignette, strength: 1.0}"
    views = build.data(config.compose("pretrain", [own])[0]).views
    assert isinstance(views, Views) and all(isinstance(view, View) for view in views)
    white = torch.full((2, 1, 28, 28), 255, dtype=torch.uint8)
    numbers = {"seed": 0, "epoch": 0, "mean": (0.0,), "std": (1.0,)}
    found = views(white, torch.arange(2), **numbers)[0]
    assert found[..., 0].max() == 0 and found[:, :, 1:-1, 1:-1].min() > 0
