from importlib.resources import files
from pathlib import Path

import pytest
import torch

from manyviews import build, checkpoints, config
from manyviews.errors import ConfigError
from manyviews.regularizers import VNE


def composed(small, config_dir, *more):
    return config.compose("pretrain", [*small, *more], config_dir)[0]


def callbacks(config_of_run):
    return build.callbacks(config_of_run, Path("run"), build.data(config_of_run))


def test_a_null_node_is_left_out(small, config_dir):
    names, fewer = (
        {type(callback).__name__ for callback in callbacks(composed(small, config_dir, *more))}
        for more in ([], ["callbacks.progress=null"])
    )
    assert names - fewer == {"Progress"}


def test_no_protocol_at_all_says_what_to_type(small, config_dir):
    with pytest.raises(ConfigError, match=r"type evaluation=\[knn,linear_lbfgs\]"):
        build.protocols(composed(small, config_dir, "evaluation.knn=null"))


def test_regularizers_reach_the_method_under_their_names(small, config_dir):
    config_of_run = composed(small, config_dir, "regularizer=vne", "regularizers.vne.weight=0.3")
    method = build.method(config_of_run, build.data(config_of_run))
    assert list(method.regularizers) == ["vne"]
    term = method.regularizers["vne"]
    assert isinstance(term, VNE) and term.weight == 0.3


def test_a_view_that_the_backbone_does_not_take_is_refused(small, config_dir):
    small_crops = composed(small, config_dir, "views.large.operations.crop.size=4")
    with pytest.raises(ConfigError, match="images of 4 x 4 pixels do not pass the backbone"):
        build.method(small_crops, build.data(small_crops))


def test_numbers_that_the_optimizer_refuses_are_told_before_a_folder_is_made(small, config_dir):
    betas = composed(small, config_dir, "optimizer.betas=[0.9,2]")
    with pytest.raises(ConfigError, match="^optimizer: Invalid beta parameter"):
        build.method(betas, build.data(betas))


def test_a_queue_that_no_batch_fills_is_told_before_it_is_used_epochs_later(small, config_dir):
    given, _ = config.compose("pretrain", [*small, "method.queue_length=40"], config_dir)
    with pytest.raises(ConfigError, match=r"no multiple of the batch of 16; .*=32"):
        build.parts(given, Path("runs/none"))


def test_a_single_view_says_what_to_type(small, config_dir):
    given = composed(small, config_dir, "views.large.count=1")
    with pytest.raises(
        ConfigError, match=r"reads .* views of a sample, got 1; change views.<kind>"
    ):
        build.method(given, build.data(given))


@pytest.mark.parametrize("key", ["init", "backbone.weights"])
def test_first_weights_are_identified_by_the_content_of_their_file(key, small, config_dir):
    given = composed(small, config_dir, f"{key}=begin.pth")
    torch.save({"weight": torch.zeros(3)}, "begin.pth")
    first = build.begins_elsewhere(given)
    Path("begin.pth").rename("moved.pth")
    assert build.begins_elsewhere(composed(small, config_dir, f"{key}=moved.pth")) == first
    assert build.begins_elsewhere(given) == "begin.pth"  # there is no such file any more
    torch.save({"weight": torch.ones(3)}, "begin.pth")
    assert build.begins_elsewhere(given) not in (first, "begin.pth", "")


def test_a_checkpoint_is_identified_by_the_checksum_that_it_ends_with(small, config_dir, done):
    given = composed(small, config_dir, f"init={done.path}")
    digest = checkpoints.digest(done.checkpoints / "last.ckpt")
    assert digest and build.begins_elsewhere(given) == digest


def test_random_first_weights_are_identified_by_nothing(small, config_dir):
    assert build.begins_elsewhere(composed(small, config_dir)) == ""


def shipped(group):
    folder = files("manyviews.conf").joinpath(group)
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if ".yaml" in f.name)


@pytest.mark.parametrize("name", shipped("views"))
def test_every_declaration_of_views_makes_them(name, small, config_dir):
    given = composed(small, config_dir, f"views={name}")
    if ".series." in given["views"]["_target_"]:
        given |= {"data": composed(small, config_dir, "data=waves")["data"]}
    data = build.data(given)
    batch = data.make_batch(next(iter(data.loader())), 0)
    assert [tuple(v.shape[2:]) for v in batch.views] == data.views.sizes(*data.splits.size)
    assert all(view.isfinite().all() for view in batch.views)


@pytest.mark.parametrize("name", shipped("optimizer"))
def test_every_optimizer_takes_a_step(name, small, config_dir):
    given = composed(small, config_dir, f"optimizer={name}")
    method = build.method(given, build.data(given))
    optimizer = method.build_optimizer()
    sum(p.square().sum() for p in method.parameters()).backward()
    before = [p.detach().clone() for p in method.parameters()]
    optimizer.step()
    assert not all(torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True))
