import pytest

from manyviews import build, config
from manyviews.errors import ConfigError

OVERRIDES = ["data=stripes", "backbone=resnet_tiny", "batch_size=8", "method=barlow_twins"]


def test_more_than_two_views_are_refused_with_what_to_type(config_dir):
    overrides = [*OVERRIDES, "views=multi_crop", "views.small.operations.crop.size=8"]
    composed, _ = config.compose("pretrain", overrides, config_dir)
    data = build.data(composed)
    batch = data.make_batch(next(iter(data.train_dataloader())), 0)
    with pytest.raises(ConfigError, match="compares 2 views, got 6; type views=two_crops"):
        build.method(composed, data).step(batch)
