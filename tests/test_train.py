import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import commands
import pytest
import torch
import yaml
from pictures import noise, write_folder

from manyviews import build, checkpoints, load_backbone, runs, scoring, train
from manyviews.callbacks.online_knn import ONLINE
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError, Interrupted, NotFinite
from manyviews.evaluation import features

REPORTED = {
    "report.json",
    "report.md",
    "index.html",
    "gallery.npz",
    "predictions.npz",
    "panels.npz",
}


def weights(run):
    return checkpoints.read(run.saved.path)


def test_a_run_leaves_everything_in_its_folder(done):
    names = {p.name for p in done.path.iterdir()}
    assert names >= {"config.yaml", "overrides.txt", "ledger.json", "environment.json"}
    assert {p.name for p in done.report.parent.iterdir()} == REPORTED
    assert done.path.name.startswith("swav-stripes-resnet_tiny-") and done.path.name.endswith("-s0")
    assert yaml.safe_load((done.path / "config.yaml").read_text())["format_version"] == 2


def test_a_warmup_that_takes_the_whole_run_is_told_when_it_starts(small, config_dir, capsys):
    train.pretrain([*small, "schedule.warmup_epochs=2"], config_dir)
    said = "note: the warm-up of 2 epochs takes the whole run of 2, so the learning rate never"
    assert said in capsys.readouterr().out


def test_metrics_hold_one_record_per_step(done):
    records = [json.loads(line) for line in (done.path / "metrics.jsonl").read_text().splitlines()]
    online = records.pop()
    assert online == {"step": 8, "epoch": 1, "online/knn@1/top1": online["online/knn@1/top1"]}
    assert [r["step"] for r in records] == list(range(1, 9))
    assert {"train/loss", "train/lr", "train/throughput/images_per_s"} <= set(records[0])
    assert all(0 <= r["train/data_wait"] <= 1 for r in records)


def test_the_report_scores_the_trained_backbone_and_its_controls(done):
    card = json.loads(done.report.read_text())
    subjects = {s["subject"] for s in card["scores"]}
    assert subjects == {"trained", "random", "raw"}
    assert {d["control"] for d in card["differences"]} == {"random", "raw"}
    assert card["checkpoint"]["step"] == 8


def test_the_same_command_again_trains_nothing(done_here, small, config_dir, capsys):
    before = done_here.saved.path.stat().st_mtime_ns
    again = train.pretrain(small, config_dir)
    assert again.path == done_here.path and again.saved.path.stat().st_mtime_ns == before
    assert "is finished: 2 epochs" in capsys.readouterr().out


def test_resume_never_begins_a_new_folder(done_here, small, config_dir):
    again = train.pretrain([*small, "resume=never"], config_dir)
    assert again.path.name == f"{done_here.path.name}-2"


def test_a_loss_that_is_not_finite_names_the_step_and_keeps_the_last_checkpoint(
    small, config_dir, monkeypatch
):
    from manyviews.methods.swav import SwAV

    step = SwAV.step

    def broken(self, batch):
        output = step(self, batch)
        return output._replace(loss=output.loss * (float("nan") if self.global_step == 5 else 1))

    monkeypatch.setattr(SwAV, "step", broken)
    with pytest.raises(NotFinite, match="not finite at step 6"):
        train.pretrain(small, config_dir)
    run = runs.load(next(Path("runs").iterdir()))
    assert run.saved.epochs == 1
    assert all(v.isfinite().all() for v in weights(run)["state_dict"].values())


def test_evaluate_keeps_what_was_scored_and_adds_what_is_new(done_here, config_dir, monkeypatch):
    before = json.loads(done_here.report.read_text())["scores"]
    options = [f"run={done_here.path}", "logger.wandb=null"]
    scoring.evaluate([*options, "evaluation=[knn_dino]", "evaluation.knn_dino.neighbours=[20]"])
    card = json.loads(done_here.report.read_text())
    assert set(card["protocols"]) == {"knn@1+0eb8", "knn_dino@1+c46e"}  # both have changed numbers
    assert card["scores"][: len(before)] == before


def test_load_backbone_gives_the_trained_weights(done):
    backbone = load_backbone(done.path)
    state = weights(done)["state_dict"]
    assert not backbone.training
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[f"backbone.{key}"])


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_that_is_no_run_is_one_line(folder):
    with pytest.raises(ConfigError, match=f"run={folder} is not a run folder"):
        scoring.evaluate([f"run={folder}"])


def test_a_batch_larger_than_the_set_makes_no_folder(small, config_dir):
    with pytest.raises(ConfigError, match="batch_size=65 does not fit a training set of 64"):
        train.pretrain([*small, "batch_size=65"], config_dir)
    assert not Path("runs").exists()


@pytest.mark.slow
def test_the_death_of_another_process_is_one_line(small, config_dir):
    """Rank 1 dies by SIGKILL in mid-training, as under memory pressure."""
    overrides = [*commands.replaced(small, "epochs=500"), "trainer.devices=2"]
    command = [sys.executable, "-W", "ignore", "-m", "manyviews", "pretrain", *overrides]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*command, "--config-dir", config_dir],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as begun:
        for line in begun.stdout or ():
            if line.startswith("epoch 2/"):
                break
        children = Path(f"/proc/{begun.pid}/task/{begun.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        errors = begun.communicate(timeout=60)[1]
    assert begun.returncode == 1
    assert re.search(
        r"manyviews: another process of this run died, step \d+ .* continues\n", errors
    )


def test_images_without_labels_are_trained_on_and_get_the_label_free_figures(small, config_dir):
    write_folder(Path("many"), count=40)
    files = ["data=folder", "data.path=many", "data.classes=none"]
    run = train.pretrain([*small, *files], config_dir)
    card = json.loads(run.report.read_text())
    assert card["scores"] == [] and "no labels" in card["sentences"][0]
    assert card["label_free"]["trained"]["effective_rank"] > 1
    assert not (run.checkpoints / "best.ckpt").exists()
    assert ONLINE not in (run.path / "metrics.jsonl").read_text()


def test_of_partly_labelled_images_only_those_with_a_label_are_scored(small, config_dir):
    write_folder(Path("many/train"), count=40)
    write_folder(Path("many/test"), count=20)
    for i in range(30):
        noise(16, 16, i).save(f"many/train/{i}.png")
    run = train.pretrain([*small, "data=folder", "data.path=many"], config_dir)
    card = json.loads(run.report.read_text())
    assert {s["n"] for s in card["scores"] if s["split"] == "test"} == {20}
    assert json.loads((run.path / "ledger.json").read_text())["labels"].startswith("40 of 70")
    bank = next((run.path / "features").glob("trained-train-*.npz"))
    assert len(features.load(bank).label) == 40


@pytest.fixture
def calls(monkeypatch):
    """How often each of some functions was called."""
    counts = {}

    def count(module, name):
        function = getattr(module, name)

        def counted(*arguments, **options):
            counts[name] = counts.get(name, 0) + 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    for module, name in ((build, "data"), (build, "parts"), (checkpoints, "read")):
        count(module, name)
    return counts


def test_a_run_is_built_once_and_reads_its_checkpoint_once_per_use(small, config_dir, calls):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted):
            train.pretrain(small, config_dir)
    assert calls == {"data": 1, "parts": 1}
    train.pretrain(small, config_dir)
    assert calls == {"data": 2, "parts": 2, "read": 2}  # to go on, and to score
    train.pretrain(small, config_dir)
    assert calls == {"data": 2, "parts": 2, "read": 2}  # a finished run says so without either


def test_no_callbacks_no_logger_and_no_regularizers_train_too(small, config_dir, monkeypatch):
    compose = train.retriever_stage.compose

    def without(*arguments):
        (stage,) = compose(*arguments)
        groups = {key: {} for key in ("callbacks", "logger", "regularizers")}
        return [stage._replace(config={**stage.config, **groups})]

    monkeypatch.setattr(train.retriever_stage, "compose", without)
    run = train.pretrain(small, config_dir)
    assert run.trained and run.report.is_file()
