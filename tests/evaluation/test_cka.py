import pytest
import torch
from networks import network

from manyviews.errors import ConfigError
from manyviews.evaluation import cka
from manyviews.evaluation.layers import activations
from manyviews.evaluation.measures import cka as measure
from manyviews.evaluation.subject import Network

ROWS = torch.randperm(32)


def test_the_layers_are_the_stages_and_the_embedding(config_dir):
    one = network(config_dir)
    found = activations(one.build(), one.data.clean("test", ROWS))
    assert [*found] == ["stage 1", "stage 2", "stage 3", "embedding"]
    with torch.no_grad():
        image = torch.cat([s.input for s in one.data.clean("test", ROWS)])
        last = one.build().feature_maps(image)[-1]
    torch.testing.assert_close(found["stage 3"], last.flatten(1))
    torch.testing.assert_close(found["embedding"], last.mean((2, 3)), rtol=1e-4, atol=1e-6)


def test_a_network_is_compared_with_itself_and_with_another(config_dir, monkeypatch):
    monkeypatch.setattr(cka, "BATCH", 8)
    one, other = network(config_dir), network(config_dir, "data=stripes", "backbone=resnet18")
    within, between = cka.within(one, ROWS), cka.between(one, other, ROWS)
    assert within.value.shape == (4, 4) and (within.items, within.batches) == (32, 4)
    torch.testing.assert_close(within.value.diagonal(), torch.ones(4).double())
    assert between.value.shape == (4, 5) and between.second[-1] == "embedding"
    batches = [
        tuple([*activations(n.build(), n.data.clean("test", rows)).values()] for n in (one, other))
        for rows in ROWS.split(8)
    ]
    torch.testing.assert_close(between.value, measure.cka(batches))
    assert (cka.between(one, one, ROWS).value - within.value).abs().max() < 1e-12


def test_a_module_without_feature_maps_has_its_embedding_alone(config_dir):
    data = network(config_dir).data
    found = cka.within(Network(torch.nn.Flatten, data), ROWS)
    assert found.first == ["embedding"] and found.value.item() == pytest.approx(1)


def test_three_items_are_refused_in_one_line(config_dir):
    with pytest.raises(ConfigError, match="CKA reads at least 4 items; got 3"):
        cka.within(network(config_dir), ROWS[:3])
