"""Files and overrides in the order of merging, with values and comments as typed."""

import pytest

from manyviews import config
from manyviews.commands.config.layers import keys, layers


def merged(*overrides, config_dir=None):
    _, choices = config.compose("pretrain", overrides, config_dir)
    return layers(overrides, choices, config_dir)


def sources(found, key):
    """The sources that set a key, the winner last, each with the value as typed."""
    return [(layer.source, layer.keys[key].value) for layer in found if key in layer.keys]


def test_an_experiment_comes_after_the_groups_and_the_command_line_last():
    found = merged("experiment=demo", "optimizer.lr=0.1")
    assert sources(found, "optimizer.lr") == [
        ("conf/optimizer/adamw.yaml", "0.001"),
        ("conf/experiment/mini.yaml", "0.002"),
        ("conf/experiment/demo.yaml", "0.004"),
        ("command line", "0.1"),
    ]
    assert sources(found, "epochs")[-1] == ("conf/experiment/demo.yaml", "24")


def test_views_that_series_bring_along_are_the_layer_of_the_views():
    found = merged("data=watch")
    assert "conf/views/series.yaml" in {layer.source for layer in found}
    assert not sources(found, "views.large.operations.flip.probability")


@pytest.mark.parametrize("typed", ["~logger", "+regularizer=vne", "~callbacks.progress"])
def test_a_choice_with_a_sign_before_it_is_read_as_in_the_composition(typed):
    found = layers([typed], {})
    assert ("conf/logger/default.yaml" in {layer.source for layer in found}) == ("log" not in typed)
    assert not found[-1].keys


def test_no_file_of_a_group_is_no_layer():
    found = layers(["logger=null"], {})
    assert not any(layer.source.startswith("conf/logger") for layer in found)


def test_a_regularizer_lies_below_its_own_key():
    found = merged("method=ivne")
    assert sources(found, "regularizers.vne.weight") == [
        ("conf/regularizer/vne.yaml", "0.01"),
        ("conf/regularizer/ivne.yaml", "1.0"),
    ]


def test_the_name_of_a_librarys_model_comes_from_the_command_line():
    found = merged("backbone=timm/convnext_atto")
    assert sources(found, "backbone.name") == [
        ("conf/backbone/timm.yaml", "???"),
        ("command line", "timm/convnext_atto"),
    ]


@pytest.mark.parametrize("plus", ["+", "++"])
def test_a_node_that_was_typed_as_one_value_sets_its_keys(plus):
    blur = "{_target_:manyviews.views.Blur,probability:0.5,sigma:[0.1,2.0],kernel_size:3}"
    found = merged(f"{plus}views.large.operations.blur={blur}")
    assert sources(found, "views.large.operations.blur.sigma") == [("command line", "[0.1, 2.0]")]


def test_a_file_of_the_users_own_is_named_by_its_folder(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n# Seven epochs.\nepochs: 7   # enough\n"
    )
    *_, mine, typed = merged("experiment=mine", config_dir=str(tmp_path))
    assert (mine.source, mine.head) == (f"{tmp_path}/experiment/mine.yaml", "Seven epochs.")
    assert mine.keys["epochs"] == ("7", "enough") and not typed.keys


def test_values_and_comments_are_read_as_they_stand():
    text = """
defaults: [a]
plain: 1.0e-6   # small # and more
text: "a # b"   # c
listed: [1, 2]    # two
lines:
  - a=1
  - b=2
empty: {}
node:   # not of a key
  inner: ${oc.env:HOME,data}
shared: &it {x: 1}
again: *it
"""
    assert dict(keys(text, "group")) == {
        "group.plain": ("1.0e-6", "small # and more"),
        "group.text": ('"a # b"', "c"),
        "group.listed": ("[1, 2]", "two"),
        "group.lines": ("[a=1, b=2]", ""),
        "group.empty": ("{}", ""),
        "group.node.inner": ("${oc.env:HOME,data}", ""),
        "group.shared.x": ("1", ""),
        "group.again.x": ("1", ""),
    }
