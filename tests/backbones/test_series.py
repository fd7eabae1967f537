"""Tests of what all backbones for time series have in common."""

import pytest
import torch

from manyviews import backbones, build, config
from manyviews.backbones.registry import SERIES, check_sizes
from manyviews.backbones.series import Pooling
from manyviews.errors import ConfigError

CHANNELS, STEPS = 3, 40


@pytest.fixture(params=[*SERIES])
def net(request):
    torch.manual_seed(0)
    return backbones.build(request.param, in_channels=CHANNELS).eval()


def test_one_embedding_per_series_of_any_length(net):
    for steps in (STEPS, 16):
        embedding = net(torch.randn(2, CHANNELS, steps))
        assert embedding.shape == (2, net.embedding_dim)
        assert net.takes(steps)


def test_images_are_refused_by_backbones_for_series(net):
    assert net.reads == "series"
    with pytest.raises(ConfigError, match=r"reads series, the data are images; .*resnet18"):
        check_sizes(net, [(28, 28)])
    with pytest.raises(ConfigError, match=r"reads images, the data are series; .*backbone=tcn"):
        check_sizes(backbones.build("resnet_tiny"), [(STEPS,)])


def test_a_stem_is_refused_for_time_series(net):
    name = next(n for n, kind in SERIES.items() if isinstance(net, kind))
    with pytest.raises(ConfigError, match="backbone.stem is for our own ResNets"):
        backbones.build(name, stem="small")


@pytest.mark.parametrize("name", [n for n in SERIES if n != "cross_attention"])
def test_feature_maps_keep_the_steps_and_lead_to_the_embedding(name):
    net = backbones.build(name, in_channels=CHANNELS).eval()
    series = torch.randn(2, CHANNELS, STEPS)
    maps = net.feature_maps(series)
    assert {m.shape[-1] for m in maps} == {STEPS}
    torch.testing.assert_close(net.pool(maps[-1]), net(series))


@pytest.mark.parametrize("name", [n for n in SERIES if n != "cross_attention"])
def test_stages_name_every_parameter_but_the_pooling(name):
    net = backbones.build(name, in_channels=CHANNELS)
    named = tuple(f"{part}." for stage in net.parts_by_stage() for part in stage)
    assert all(n.startswith(named) for n, _ in net.named_parameters())


def test_a_missing_step_does_not_reach_the_embedding(net):
    series = torch.randn(2, CHANNELS, STEPS)
    series[0, 1, 7] = torch.nan
    assert net(series).isfinite().all()


def test_a_channel_that_is_off_does_not_hide_the_others(net):
    first, second = torch.randn(2, 1, CHANNELS, STEPS)
    first[:, 1] = second[:, 1] = torch.nan
    assert not torch.allclose(net(first), net(second))


def test_pooling_kinds():
    features = torch.randn(2, 5, 7)
    assert torch.equal(Pooling("max", 5)(features), features.amax(-1))
    assert torch.equal(Pooling("mean", 5)(features), features.mean(-1))
    attention = Pooling("attention", 5)
    weight = torch.softmax(
        torch.einsum("bdt,d->bt", features, attention.score.weight[0]) + attention.score.bias, 1
    )
    expected = torch.einsum("bdt,bt->bd", features, weight)
    torch.testing.assert_close(attention(features), expected)


def test_weights_and_frozen_parts_by_config(tmp_path, config_dir):
    base = ["data=waves", "method=simclr", "backbone=tcn_small"]
    composed, _ = config.compose("pretrain", [*base, "seed=3"], config_dir)
    first = build.backbone(composed, build.data(composed))
    torch.save(first.state_dict(), tmp_path / "tcn.pt")
    more = [f"backbone.weights={tmp_path / 'tcn.pt'}", "backbone.freeze=2"]
    composed, _ = config.compose("pretrain", [*base, *more], config_dir)
    found = build.method(composed, build.data(composed)).backbone
    state = found.state_dict()
    assert all(torch.equal(state[k], v) for k, v in first.state_dict().items())
    frozen = {n.split(".")[0:2][0] for n, p in found.named_parameters() if not p.requires_grad}
    assert frozen == {"stem", "blocks"}
