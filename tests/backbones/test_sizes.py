import pytest

from manyviews import backbones
from manyviews.backbones import registry
from manyviews.backbones.sizes import smallest, suggest_sizes
from manyviews.errors import ConfigError


def test_where_only_multiples_pass_both_neighbours_are_named():
    transformer = backbones.build("timm/test_vit", image_size=250)
    with pytest.raises(
        ConfigError, match="250 x 250 .* smallest .* has 16, the nearest have 240 and 256; change"
    ):
        registry.check_sizes(transformer, [(250, 250)])


def test_a_size_that_a_model_cannot_be_built_for_names_its_neighbours_too():
    with pytest.raises(ConfigError, match="for 40 pixels.* has 16, the nearest have 32 and 48"):
        backbones.build("timm/xcit_nano_12_p16_224", image_size=40)


def test_below_the_smallest_there_is_nothing_nearer():
    assert suggest_sizes(lambda side: side >= 64, 20) == "the smallest square it takes has 64"


def test_one_neighbour_alone_is_named_unless_it_was_named_before():
    assert suggest_sizes(lambda side: side in (32, 64), 70).endswith("has 32, the nearest 64")
    assert suggest_sizes(lambda side: side == 32, 40).endswith("has 32")


def test_a_model_that_takes_nothing_up_to_1024_is_reported():
    assert smallest(lambda side: False) is None
    assert suggest_sizes(lambda side: False, 40) == "no square of up to 1024 pixels passes"
