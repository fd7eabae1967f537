import json
from pathlib import Path

import pytest
import torch
import yaml

from manyviews import load_backbone, runs, train
from manyviews.callbacks.metrics import NotFinite
from manyviews.errors import ConfigError

REPORTED = {"report.json", "report.md", "index.html", "gallery.npz"}


def weights(run):
    return runs.read_checkpoint(run.checkpoint)


def test_a_run_leaves_everything_in_its_folder(done):
    names = {p.name for p in done.path.iterdir()}
    assert names >= {"config.yaml", "overrides.txt", "ledger.json", "environment.json"}
    assert {p.name for p in done.report.parent.iterdir()} == REPORTED
    assert done.path.name.startswith("swav-stripes-resnet_tiny-") and done.path.name.endswith("-s0")
    assert yaml.safe_load((done.path / "config.yaml").read_text())["format_version"] == 1


def test_metrics_hold_one_record_per_step(done):
    records = [json.loads(line) for line in (done.path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == list(range(1, 9))
    assert {"train/loss", "train/lr", "train/throughput/images_per_s"} <= set(records[0])
    assert all(0 <= r["train/data_wait"] <= 1 for r in records)


def test_the_report_scores_the_trained_backbone_and_its_controls(done):
    card = json.loads(done.report.read_text())
    subjects = {s["subject"] for s in card["scores"]}
    assert subjects == {"trained", "random", "raw"}
    assert {d["control"] for d in card["differences"]} == {"random", "raw"}
    assert card["checkpoint"]["step"] == 8


def test_the_same_command_again_trains_nothing(done, small, config_dir, capsys):
    before = done.checkpoint.stat().st_mtime_ns
    again = train.pretrain(small, config_dir)
    assert again.path == done.path and again.checkpoint.stat().st_mtime_ns == before
    assert "is finished: 2 of 2 epochs" in capsys.readouterr().out


def test_resume_never_begins_a_new_folder(done, small, config_dir):
    again = train.pretrain([*small, "resume=never"], config_dir)
    assert again.path.name == f"{done.path.name}-2"


def test_an_interrupted_run_continues_bit_for_bit(small, config_dir, monkeypatch):
    whole = weights(train.pretrain([*small, "runs=whole"], config_dir))
    after_one = train.Checkpoint.on_train_epoch_end

    def stop_after_the_first(self, trainer, pl_module):
        after_one(self, trainer, pl_module)
        if trainer.current_epoch == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train.Checkpoint, "on_train_epoch_end", stop_after_the_first)
        with pytest.raises(train.Interrupted, match="1 of 2 epochs are saved.*same command"):
            train.pretrain(small, config_dir)
    resumed = train.pretrain(small, config_dir)
    part = weights(resumed)
    for key, value in whole["state_dict"].items():
        assert torch.equal(part["state_dict"][key], value), key
    for ours, theirs in zip(
        part["optimizer_states"][0]["state"].values(),
        whole["optimizer_states"][0]["state"].values(),
        strict=True,
    ):
        assert all(torch.equal(ours[k], theirs[k]) for k in ours)
    logged = [
        [
            (r["step"], r["train/loss"], r["train/lr"])
            for r in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        ]
        for folder in (resumed.path, Path("whole") / resumed.path.name)
    ]
    assert logged[0] == logged[1]


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
    assert run.epoch == 1
    assert all(v.isfinite().all() for v in weights(run)["state_dict"].values())


def test_evaluate_keeps_what_was_scored_and_adds_what_is_new(done, config_dir, monkeypatch):
    before = json.loads(done.report.read_text())["scores"]
    options = [f"run={done.path}", "logger.wandb=null"]
    train.evaluate([*options, "evaluation=[knn_dino]", "evaluation.knn_dino.neighbours=[20]"])
    card = json.loads(done.report.read_text())
    assert set(card["protocols"]) == {"knn@1", "knn_dino@1"}
    assert card["scores"][: len(before)] == before


def test_load_backbone_gives_the_trained_weights(done):
    backbone = load_backbone(done.path)
    state = weights(done)["state_dict"]
    assert not backbone.training
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, state[f"backbone.{key}"])


def test_a_torn_checkpoint_is_refused_by_name(done):
    done.checkpoint.write_bytes(done.checkpoint.read_bytes()[:2000])
    with pytest.raises(
        ConfigError, match=r"last.ckpt is not a checkpoint of manyviews, or is torn"
    ):
        load_backbone(done.path)


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_that_is_no_run_is_one_line(folder):
    with pytest.raises(ConfigError, match=f"run={folder} is not a run folder"):
        train.evaluate([f"run={folder}"])


def test_a_batch_larger_than_the_set_makes_no_folder(small, config_dir):
    with pytest.raises(ConfigError, match="batch_size=65 does not fit a training set of 64"):
        train.pretrain([*small, "batch_size=65"], config_dir)
    assert not Path("runs").exists()
