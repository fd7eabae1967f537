from functools import partial

import pytest
import torch

from manyviews.construct import construct, make, nodes
from manyviews.errors import ConfigError
from manyviews.regularizers import VNE

VNE_NODE = {"_target_": "manyviews.regularizers.VNE", "weight": 0.3}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 0.1}


def test_a_null_node_is_left_out_and_the_others_keep_their_names():
    found = nodes({"first": VNE_NODE, "second": None}, "regularizers")
    assert list(found) == ["first"]
    assert isinstance(found["first"], VNE) and found["first"].weight == 0.3


def test_nodes_inside_a_node_are_built_too():
    crop = {"_target_": "manyviews.views.Crop", "size": 8, "scale": [0.5, 1.0]}
    crop |= {"ratio": [0.75, 1.33], "interpolation": "bilinear"}
    view = {"_target_": "manyviews.views.View", "count": 3, "operations": {"crop": crop}}
    built = make({"_target_": "manyviews.views.Views", "large": view}, "views")
    assert len([*built]) == 3 and built.sizes(32, 32) == [(8, 8)] * 3


def test_a_partial_node_is_a_function_that_waits_for_the_rest():
    made = make({**ADAMW, "_partial_": True}, "optimizer")
    assert isinstance(made, partial)
    weight = torch.zeros(2, requires_grad=True)
    assert made([weight]).param_groups[0]["lr"] == 0.1


def test_built_objects_are_passed_as_they_are():
    weight = torch.zeros(2, requires_grad=True)
    made = make(ADAMW, "optimizer", params=[weight])
    assert made.param_groups[0]["params"][0] is weight


def test_a_complaint_of_a_foreign_constructor_gets_the_keys_before_it():
    with pytest.raises(ConfigError, match="^optimizer: Invalid learning rate: -1"):
        make({**ADAMW, "lr": -1.0}, "optimizer", params=[torch.zeros(2, requires_grad=True)])


def test_our_own_complaint_comes_out_as_it_is():
    node = {"_target_": "manyviews.callbacks.OnlineKNN", "every_n_epochs": 0}
    with pytest.raises(ConfigError, match="^callbacks.online_knn.every_n_epochs=0; allowed"):
        nodes({"online_knn": node}, "callbacks")


def test_only_what_a_constructor_asks_for_is_made_and_passed():
    node = {"_target_": "manyviews.backbones.TCN", "hidden_dim": 4, "depth": 2, "embedding_dim": 8}
    config = {"backbone": {**node, "weights": None, "freeze": None}}
    built = construct(
        config,
        "backbone",
        in_channels=lambda: 5,
        image_size=lambda: pytest.fail("is not asked for"),
    )
    assert built.in_channels == 5
