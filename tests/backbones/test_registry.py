from importlib.metadata import EntryPoint

import pytest

from manyviews import backbones
from manyviews.backbones import registry
from manyviews.backbones.resnet import resnet_tiny
from manyviews.errors import ConfigError


def limited(*, stem, in_channels):
    """Return a backbone of another package that takes squares of 16 pixels only."""
    built = resnet_tiny(stem=stem, in_channels=in_channels)
    built.takes = lambda height, width: height == width == 16
    return built


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="unknown backbone 'resnet188': did you mean 'resnet18'"):
        backbones.build("resnet188")


def test_available_filters_by_pattern():
    assert backbones.available("vit*") == []
    assert "timm/vit_tiny_patch16_224" in backbones.available("timm/vit*")
    assert "torchvision/vit_b_16" in backbones.available("torchvision/vit*")
    assert "resnet18" in backbones.available("resnet*")


def test_another_package_adds_a_backbone_and_its_limit_holds(monkeypatch):
    plugin = EntryPoint("limited", f"{__name__}:limited", "manyviews.backbones")
    monkeypatch.setattr(EntryPoint, "load", lambda self: limited)
    monkeypatch.setattr(registry, "entry_points", lambda group: [plugin])
    built = backbones.build("limited", in_channels=1, image_size=16)
    registry.check_sizes(built, [(16, 16)])
    with pytest.raises(
        ConfigError, match="images of 20 x 20 pixels do not pass .* smallest square it takes has 16"
    ):
        registry.check_sizes(built, [(16, 16), (20, 20)])


def test_a_small_resnet_names_its_smallest_image():
    with pytest.raises(ConfigError, match="of 6 x 9 pixels .* smallest square it takes has 8"):
        registry.check_sizes(backbones.build("resnet_tiny", image_size=9), [(6, 9)])


def test_series_that_are_too_short_are_reported_in_steps():
    measure = backbones.build("cross_attention", in_channels=3)
    said = "series of 1 steps do not pass .* shortest series it takes has 2; change data.window"
    with pytest.raises(ConfigError, match=said):
        registry.check_sizes(measure, [(1,)])
