import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from manyviews import load_backbone, runs, train
from manyviews.callbacks.metrics import NotFinite
from manyviews.errors import ConfigError

SUPPORT = Path(__file__).parent / "support"
REPORTED = {"report.json", "report.md", "index.html", "gallery.npz"}


@pytest.fixture
def done(small, config_dir):
    """A finished run."""
    return train.pretrain(small, config_dir)


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


def test_a_run_of_another_version_is_refused(done):
    file = done.path / "config.yaml"
    file.write_text(file.read_text().replace("format_version: 1", "format_version: 99"))
    with pytest.raises(ConfigError, match="format_version 99, this manyviews reads 1"):
        runs.load(done.path)


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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(small, config_dir):
    Path("runs").mkdir()
    Path("runs").chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(ConfigError, match="cannot write to runs.*type runs=FOLDER"):
        train.pretrain(small, config_dir)


def test_a_file_where_the_folder_should_be_is_one_line(small, config_dir):
    Path("runs").touch()
    with pytest.raises(ConfigError, match="cannot write to runs.*type runs=FOLDER"):
        train.pretrain(small, config_dir)


def test_what_does_not_define_the_result_does_not_change_the_name(small, config_dir):
    from manyviews import config

    def name(*more):
        return runs.name(*config.compose("pretrain", [*small, *more], config_dir))

    assert name("callbacks.online_knn=null", "evaluation.knn.temperature=0.2") == name()
    assert name("trainer.log_every_n_steps=7") == name()
    assert name("optimizer.lr=0.5") != name() and name("seed=1") != name()
    assert name("seed=1").removesuffix("-s1") == name().removesuffix("-s0")


def cli(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "manyviews.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SUPPORT), "PYTHONWARNINGS": "ignore", **environment},
        timeout=100,
    )


def test_command_line_says_a_mistake_in_one_line_with_exit_code_2():
    result = cli("pretrain", "method=swaw")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and "did you mean 'swav'" in result.stderr


def test_command_line_shows_where_an_error_came_from_on_request():
    assert "Traceback" in cli("pretrain", "method=swaw", "--trace").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "pretrain"),
        (["pretrain", "--help"], "example: manyviews pretrain"),
        (["evaluate", "--help"], "example: manyviews evaluate"),
        (["list", "methods"], "barlow_twins"),
        (["list", "backbones"], "resnet_tiny"),
        (["list", "data"], "fashion_mnist_mini"),
        (["list", "experiments"], "demo"),
        (["list", "protocols"], "linear_lbfgs"),
        (["config", "show", "method=barlow_twins"], "redundancy_weight: 0.0051"),
        (["where", "experiment=demo"], "runs/swav-fashion_mnist_mini-resnet_tiny-"),
    ],
)
def test_command_line_answers(arguments, said):
    result = cli(*arguments)
    assert result.returncode == 0, result.stderr
    assert said in result.stdout


def test_help_and_list_import_nothing_heavy():
    code = (
        "import sys; from manyviews.cli import main; main(['list', 'methods']);"
        "assert not {'torch', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_a_whole_run_from_the_command_line_with_wandb_offline(small, config_dir):
    overrides = [o for o in small if o != "logger.wandb=null"]
    result = cli("pretrain", *overrides, "--config-dir", config_dir, WANDB_API_KEY="", CI="")
    assert result.returncode == 0, result.stderr
    assert "epoch 2/2" in result.stdout and "images/s" in result.stdout
    run = runs.load(next(Path("runs").iterdir()))
    (written,) = (run.path / "wandb").glob("offline-run-*/*.wandb")
    content = written.read_bytes()
    for key in (b"train/loss", b"eval/knn@1/top1", b"views/view_0", b"eval/table"):
        assert key in content
    assert "accuracy, with 95 % intervals" in result.stdout
    assert f"report: {run.path}/report/index.html" in result.stdout
