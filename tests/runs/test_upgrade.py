"""What format 1 wrote: configs with its names for everything, and a whole run folder."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

import manyviews
from manyviews import config, runs, scoring, train
from manyviews.callbacks.online_knn import ONLINE
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.runs.identity import ADDED_LATER
from manyviews.runs.upgrade import FORMAT_VERSION, upgraded, with_public_names

GOLDEN = Path(__file__).parents[1] / "golden"
# Overrides and composed configs as the last commit of format 1 wrote them: every data set, method,
# declaration of views, optimizer, backbone and protocol.
OLD = json.loads(gzip.decompress((GOLDEN / "configs_of_format_1.json.gz").read_bytes()))
NAME = "barlow_twins-motif_states-tcn_small-dd34dbbb-s0"


@pytest.fixture
def old_run():
    """A run folder of format 1, stopped after 6 of 8 steps and evaluated."""
    folder = Path("runs") / NAME
    shutil.copytree(GOLDEN / "run_of_format_1", folder)
    return folder


def command(folder):
    """The overrides of the command that began the run."""
    return (folder / "overrides.txt").read_text().splitlines()


# The demo is another recipe since then: it takes less than half the arithmetic.
KEPT = [old for old in OLD if "experiment=demo" not in old["overrides"]]


@pytest.mark.parametrize("old", KEPT, ids=lambda old: " ".join(old["overrides"]))
def test_an_old_config_means_what_its_command_means_today(old, monkeypatch):
    monkeypatch.setenv("MANYVIEWS_DATA", "data")
    new, _ = config.compose("pretrain", old["overrides"])
    record = upgraded({"format_version": 1, **old["config"]}, Path("runs/x"))
    del record["format_version"]
    if record["data"]["_target_"] == "manyviews.data.watch":  # other people test since then
        record["data"] |= {"test": ["6", "7", "8", "9", "10"], "val": ["5"]}
    if "experiment=rebar_watch" in old["overrides"]:  # fewer people train, and the rate was tuned
        record["batch_size"], record["optimizer"]["lr"] = 4, new["optimizer"]["lr"]
    if "experiment=swav_cifar10" in old["overrides"]:  # its blur of 3 pixels was corrected
        record["views"]["large"]["operations"]["blur"]["kernel_size"] = 13
    assert runs.identity(record) == runs.identity(new)
    assert new.pop("best") == ONLINE  # what best.ckpt followed before it could be chosen
    assert new.pop("measures") is None
    for one in (record, new):  # protocols have versions of their own
        del one["evaluation"]
    for later in (
        "online_label_free",
        "other_data",
        "eigenvalues",
    ):  # callbacks that do nothing by default
        del new["callbacks"][later]
    for later in ("group", "job_type", "notes", "system"):  # how W&B shows a run
        del new["logger"]["wandb"][later]
    for key in ADDED_LATER:  # the identity ignores such a key with its default
        group, _, name = key.partition(".")
        if name not in record[group]:
            new[group].pop(name, None)
    assert record == new


def test_a_setting_that_was_removed_is_refused_by_its_name():
    record = {"format_version": 1, "views": {"mode": "affine"}}
    with pytest.raises(ConfigError, match="runs/x has views.mode=affine, which was removed"):
        upgraded(record, Path("runs/x"))


def test_names_of_other_packages_stay():
    node = {"_target_": "mine.methods.a.B", "inner": [{"_target_": "torch.optim.SGD"}]}
    assert with_public_names(node) == node


def test_an_old_run_gives_its_backbone(old_run, capsys):
    backbone = manyviews.load_backbone(old_run)
    assert f"all {len(backbone.state_dict())} tensors matched" in capsys.readouterr().out
    assert backbone(torch.zeros(2, 3, 128)).shape == (2, 16)


def test_an_old_run_keeps_its_scores_and_gets_further_ones(old_run):
    before = json.loads((old_run / "report" / "report.json").read_text())
    more = ["evaluation=[knn_series,clustering]", "evaluation.knn_series.neighbours=[1,5]"]
    (report,) = scoring.evaluate([f"run={old_run}", *more, "logger.wandb=null"]).reports
    after = json.loads(report.read_text())
    own_name = "knn_series@1+0eb8"  # it has other numbers than the file that comes with manyviews
    # They are computed again, with what an earlier manyviews did not keep: validation, predictions.
    known = {(s["metric"], s["subject"]): s["value"] for s in before["scores"]}
    found = {
        (s["metric"], s["subject"]): s["value"]
        for s in after["scores"]
        if s["protocol"] == own_name and s["split"] == "test"
    }
    assert {key: found[key] for key in known} == pytest.approx(known, abs=0.1)
    assert any(s["split"] == "val" for s in after["scores"])
    assert {s["protocol"] for s in after["scores"]} == {own_name, "clustering@1"}


def test_an_old_run_continues_in_its_place_under_its_old_name(old_run):
    run = train.pretrain(command(old_run))
    assert run.path == old_run and [p.name for p in Path("runs").iterdir()] == [NAME]
    assert run.trained and run.saved.step == 8
    assert yaml.safe_load((old_run / "config.yaml").read_text())["format_version"] == FORMAT_VERSION
    assert status.read(old_run).state == "finished"
    assert train.pretrain(command(old_run)).path == old_run  # the same again is the same run
    assert [p.name for p in Path("runs").iterdir()] == [NAME]


def test_an_old_run_of_other_settings_is_another_run(old_run):
    composed, choices = config.compose("pretrain", [*command(old_run), "method.projection_dim=8"])
    assert runs.folder(composed, choices) != old_run
