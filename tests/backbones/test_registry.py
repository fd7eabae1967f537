from importlib.metadata import EntryPoint

import pytest

from manyviews import backbones
from manyviews.backbones import registry
from manyviews.backbones.resnet import resnet_tiny
from manyviews.errors import ConfigError


def limited(*, stem, in_channels):
    """A backbone of another package that takes at most 16 pixels."""
    built = resnet_tiny(stem=stem, in_channels=in_channels)
    built.largest = 16
    return built


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="unknown backbone 'resnet81': did you mean 'resnet18'"):
        backbones.build("resnet81")


def test_available_filters_by_pattern():
    assert backbones.available("vit*") == []
    assert "resnet18" in backbones.available("resnet*")


def test_another_package_adds_a_backbone_and_its_limit_holds(monkeypatch):
    plugin = EntryPoint("limited", f"{__name__}:limited", "manyviews.backbones")
    monkeypatch.setattr(EntryPoint, "load", lambda self: limited)
    monkeypatch.setattr(registry, "entry_points", lambda group: [plugin])
    built = backbones.build("limited", in_channels=1, image_size=16)
    registry.check_sizes(built, [(16, 16)])
    with pytest.raises(
        ConfigError, match="view 1 has 20 x 20 pixels, but the backbone takes 8 to 16"
    ):
        registry.check_sizes(built, [(16, 16), (20, 20)])
