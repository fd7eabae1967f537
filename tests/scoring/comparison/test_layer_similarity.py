import pytest
from networks import network

from manyviews.errors import ConfigError
from manyviews.evaluation import cka
from manyviews.scoring.comparison.layer_similarity import similarities


def card(sha256, data="same"):
    return {"checkpoint": {"sha256": sha256}, "data": {"fingerprint": {"test": data}}}


CARDS = {"a": card("1"), "b": card("2"), "c": card("3", "other")}


def test_two_backbones_on_the_same_items_have_the_cka_of_their_layers(config_dir):
    one, other = network(config_dir), network(config_dir, "data=stripes", "backbone=resnet18")
    (row,) = similarities(CARDS, {"a": lambda: one, "b": lambda: other, "c": lambda: one}, [])
    expected = cka.between(one, other, cka.drawn(one.data.probed("test"), 1024, 0))
    assert row["values"] == expected.value.tolist() and row["items"] == 32
    assert row["layers"][1] == ["stage 1", "stage 2", "stage 3", "stage 4", "embedding"]


def test_known_values_are_taken_for_the_same_weights_and_data_only():
    def refused():
        raise ConfigError("no data")

    networks = dict.fromkeys(CARDS, refused)
    known = [{"first": "x", "second": "y", "of": ["1", "2", "same"], "values": [[0.5]]}]
    (row,) = similarities(CARDS, networks, known)
    assert (row["first"], row["second"], row["values"]) == ("a", "b", [[0.5]])
    (row,) = similarities(CARDS | {"b": card("4")}, networks, known)
    assert row["reason"] == "no data" and "values" not in row
    assert similarities(CARDS, {}, []) == []


def test_what_was_not_computed_is_tried_again(config_dir):
    one = network(config_dir)
    failed = [{"first": "a", "second": "b", "of": ["1", "2", "same"], "reason": "no data"}]
    (row,) = similarities(CARDS, dict.fromkeys(CARDS, lambda: one), failed)
    assert row["values"][-1][-1] == pytest.approx(1)
