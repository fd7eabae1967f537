import contract
import pytest
import torch
from golden import golden

from manyviews import build, config
from manyviews.batch import Batch
from manyviews.errors import ConfigError
from manyviews.methods.mixed_barlow_twins import MixedBarlowTwins

WARMUP = golden("swav_barlow")["mixed_bt"]["M4_mix_scale_warmup"]["scale_at_step"]


def made(config_dir, *more):
    overrides = contract.overrides("mixed_barlow_twins", *more)
    composed, _ = config.compose("pretrain", overrides, config_dir)
    data = build.data(composed)
    return build.method(composed, data), data.make_batch(next(iter(data.loader())), 0)


@pytest.mark.parametrize("step", WARMUP)
def test_the_weight_of_the_mixture_rises_as_in_the_official_code(step, config_dir, monkeypatch):
    more = ["method.mixture_weight=2.0", "method.mixture_warmup_epochs=10.0"]
    method, _ = made(config_dir, *more)
    method.steps_per_epoch = 10
    monkeypatch.setattr(MixedBarlowTwins, "global_step", int(step))
    assert method.scale() == pytest.approx(WARMUP[step])


def test_without_weight_no_mixture_is_made(config_dir, monkeypatch):
    method, batch = made(config_dir, "method.mixture_weight=0.0")
    monkeypatch.setattr(MixedBarlowTwins, "mixture", None)  # a call would fail
    assert "train/loss/mixture" not in method.step(batch).logs


def test_a_mixture_is_one_share_and_another_order_at_each_step(config_dir, monkeypatch):
    method, batch = made(config_dir)
    first, second = batch.views
    mixed, share, order = method.mixture(first, second)
    torch.testing.assert_close(mixed, share * first + (1 - share) * second[order])
    assert sorted(order.tolist()) == list(range(len(first)))
    monkeypatch.setattr(MixedBarlowTwins, "global_step", 1)
    _, other_share, other_order = method.mixture(first, second)
    assert other_share != share and not torch.equal(other_order, order)


def test_one_row_of_a_process_has_no_variance_of_its_own(config_dir):
    method, batch = made(config_dir, "method.ddp=paper")
    one = Batch([view[:1] for view in batch.views], batch.label[:1], batch.position[:1])
    with pytest.raises(ConfigError, match="got 1; allowed: 2 or more, type batch_size=2"):
        method.step(one)
