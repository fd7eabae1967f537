import pytest
import yaml

from manyviews import config, runs
from manyviews.runs.identity import ADDED_LATER


@pytest.fixture
def composed(small, config_dir):
    return config.compose("pretrain", small, config_dir)


def without(made, key):
    """The config as it was before this key was added."""
    group, _, name = key.partition(".")
    return {**made, group: {k: v for k, v in made[group].items() if k != name}}


@pytest.mark.parametrize("key", ADDED_LATER)
def test_a_key_that_was_added_later_does_not_rename_a_run(key, composed):
    made, _ = composed
    group, _, name = key.partition(".")
    made[group][name] = ADDED_LATER[key]
    assert runs.identity(without(made, key)) == runs.identity(made)


def test_a_validation_split_renames_a_run_and_none_does_not(composed):
    made, _ = composed
    without, none, tenth, people = (
        runs.identity({**made, "data": {**made["data"], **more}})
        for more in ({}, {"val": None}, {"val": 0.1}, {"val": ["ann"]})
    )
    assert without == none and len({none, tenth, people}) == 3


def test_zero_init_of_torchvisions_networks_does_not_rename_their_runs(small, config_dir):
    made, _ = config.compose("pretrain", [*small, "backbone=torchvision/resnet18"], config_dir)
    assert "zero_init_residual" in made["backbone"]
    assert runs.identity(without(made, "backbone.zero_init_residual")) == runs.identity(made)


@pytest.mark.parametrize("key", ADDED_LATER)
def test_a_key_that_was_added_later_counts_once_it_is_used(key, composed, tmp_path):
    made, _ = composed
    group, _, name = key.partition(".")
    (tmp_path / "weights").write_bytes(b"1")
    used = {"backbone.weights": str(tmp_path / "weights"), "optimizer.fused": False}
    value = used.get(key, "all")
    changed = {**made, group: {**made[group], name: value}}
    assert runs.identity(changed) != runs.identity(made)


def test_what_does_not_define_the_result_does_not_change_the_name(small, config_dir):
    def name(*more):
        return runs.name(*config.compose("pretrain", [*small, *more], config_dir))

    assert name("callbacks.online_knn=null", "evaluation.knn.temperature=0.2") == name()
    assert name("trainer.log_every_n_steps=7") == name()
    assert name("optimizer.lr=0.5") != name() and name("seed=1") != name()
    assert name("seed=1").removesuffix("-s1") == name().removesuffix("-s0")


def test_a_run_that_is_trained_first_counts_by_its_name_alone(composed):
    made, _ = composed
    method = {**made["method"], "retriever_overrides": ["epochs=3"]}
    here, there = (
        {**made, "method": {**method, "retriever": f"{place}/rebar_retriever-0-s0"}}
        for place in ("runs", "/elsewhere")
    )
    other = {**made, "method": {**method, "retriever": "runs/rebar_retriever-1-s0"}}
    assert runs.identity(here) == runs.identity(there) != runs.identity(other)


def test_a_folder_that_cannot_be_read_is_no_earlier_run(composed, tmp_path):
    made, choices = {**composed[0], "runs": str(tmp_path)}, composed[1]
    wanted = runs.folder(made, choices)
    stem = wanted.name.replace(runs.identity(made), "0" * 8)
    for i, text in enumerate(["format_version: 1\n[", "format_version: 1\n", "- a list\n", "\x00"]):
        folder = tmp_path / stem.replace("0" * 8, f"0000000{i}")
        folder.mkdir()
        (folder / "config.yaml").write_text(text)
    assert runs.folder(made, choices) == wanted


def test_a_run_under_another_name_is_known_by_the_identity_that_it_wrote(composed, tmp_path):
    made, choices = {**composed[0], "runs": str(tmp_path)}, composed[1]
    wanted = runs.folder(made, choices)
    moved = tmp_path / wanted.name.replace(runs.identity(made), "0" * 8)
    moved.mkdir()
    for said, found in (("another", wanted), (runs.identity(made), moved)):
        record = {"format_version": 2, "identity": said, "choices": choices, **made}
        (moved / "config.yaml").write_text(yaml.safe_dump(record, sort_keys=False))
        assert runs.folder(made, choices) == found
