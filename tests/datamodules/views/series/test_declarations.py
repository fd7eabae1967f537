"""The views of conf/views that are made of series."""

import pytest
import torch

from manyviews import build, config
from manyviews.errors import ConfigError


def views_of_watch(*overrides):
    """The views of the first eight windows, and what built them."""
    made = build.data(
        config.compose("pretrain", ["data=watch", "backbone=resnet_tiny", *overrides])[0]
    )
    rows, splits = torch.arange(8), made.splits
    numbers = {"seed": 3, "epoch": 1, "mean": splits.mean, "std": splits.std}
    return made, made.views(splits.train.sample(rows).input, rows, **numbers)


@pytest.mark.parametrize(
    ("name", "steps"), [("series", [128] * 2), ("series_multi_crop", [128] * 2 + [64] * 4)]
)
def test_declared_views_have_their_sizes_and_differ(name, steps):
    made, found = views_of_watch(f"views={name}")
    assert [view.shape for view in found] == [(8, 6, length) for length in steps]
    assert made.views.sizes(128) == [(length,) for length in steps]
    assert all(view.isfinite().all() for view in found)
    assert not torch.equal(found[0], found[1])


def test_every_operation_can_be_switched_on():
    names = [*config.compose("pretrain", ["views=series"])[0]["views"]["large"]["operations"]]
    always = [f"views.large.operations.{name}.probability=1.0" for name in names if name != "crop"]
    made, found = views_of_watch("views=series", *always)
    assert [*made.views.kinds["large"].operations] == names
    assert [view.shape[2] for view in found] == [102, 102]
    assert all(view.isfinite().all() for view in found)


def test_probability_0_is_not_there():
    made, _ = views_of_watch("views=series")
    assert [*made.views.kinds["large"].operations] == ["crop", "time_warp", "scaling", "jitter"]


def test_channels_that_do_not_fit_are_told_before_the_first_batch():
    rotation = "views.large.operations.rotation"
    with pytest.raises(ConfigError, match="rotation groups name channel 6; the series have 6"):
        views_of_watch(
            "views=series", f"{rotation}.probability=0.5", f"{rotation}.groups=[[4,5,6]]"
        )
