"""`manyviews config check`: every part is built and the first step taken; nothing is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import write_folder

from manyviews import process_group, train
from manyviews.cli import main
from manyviews.commands.config.check import check
from manyviews.errors import ConfigError
from manyviews.methods import SwAV

REBAR = [
    "data=waves",
    "method=rebar",
    "backbone=tcn_small",
    "backbone.depth=1",
    "views.candidates.count=3",
    "evaluation=[knn]",
    "batch_size=4",
    "method.retriever_overrides=['batch_size=8','backbone.width=8','method.mask_length=4','epochs=1']",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "logger.wandb=null",
]


def parts(overrides, config_dir=None):
    """The lines of a check by their names; of two stages those of the last."""
    lines = [line.partition(" ") for line in check(overrides, config_dir)]
    return {name: text.strip() for name, _, text in lines}


def written():
    return [p for p in Path().rglob("*") if p.is_file() and ".cache" not in p.parts]


def test_the_step_is_the_first_step_of_the_run(small, config_dir, done):
    first = json.loads((done.path / "metrics.jsonl").read_text().splitlines()[0])
    found = parts(small, config_dir)
    assert f"loss {first['train/loss']:.4g}; cpu, 32-true, " in found["step"]
    assert found["views"] == "2 of 16 x 1 x 16 x 16"
    assert found["embedding"] == "2 x 16 x 128" and found["projection"] == "2 x 16 x 8"
    assert found["data"].startswith(
        "stripes, 64 train and 32 test images of 1 x 16 x 16; 2 classes"
    )
    assert found["backbone"].endswith("306,784 parameters, D = 128")
    assert found["evaluation"].startswith("knn@1+0eb8; 8 images of each split embedded")


def test_one_step_is_taken_and_nothing_written(small, config_dir, monkeypatch):
    taken, step = [], SwAV.step
    monkeypatch.setattr(SwAV, "step", lambda self, batch: taken.append(0) or step(self, batch))
    said = parts([*small, "trainer.accumulate_grad_batches=2"], config_dir)
    assert len(taken) == 2 and said["views"].startswith("2 of 8 x")
    assert not written()


def test_a_process_takes_its_share_of_the_batch(small, config_dir):
    found = parts([*small, "trainer.devices=2"], config_dir)
    assert found["views"].startswith("2 of 8 x") and "one process of 2" in found["step"]


def test_a_run_that_is_finished_is_told(small, config_dir, done):
    found = parts([*small, f"runs={done.path.parent}"], config_dir)
    assert found["run"].endswith(f"{done.path}, trained and evaluated")


def test_a_run_that_was_stopped_is_told_with_its_step(small, config_dir, done):
    longer = [*small, "epochs=3"]
    folder = Path(parts(longer, config_dir)["run"].split()[1].rstrip(","))
    shutil.copytree(done.path, folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2\n", "epochs: 3\n", 1))
    said = parts(longer, config_dir)["run"]
    assert said.endswith(f"{folder}, in which `pretrain` would go on from step 8")


def test_both_stages_of_rebar_are_tried(config_dir):
    lines = [*check(REBAR, config_dir)]
    assert lines[0] == "the retriever, which `pretrain` would train first:"
    assert "\nthe run itself, here with a retriever after one step:" in lines
    shapes = [line.split(maxsplit=1)[1] for line in lines if line.startswith("views")]
    assert shapes == ["1 of 8 x 2 x 16", "4 of 4 x 2 x 16"]
    assert not written()


@pytest.mark.slow
def test_a_retriever_that_is_trained_is_used(config_dir):
    retriever = [
        "data=waves", "method=rebar_retriever", "batch_size=8", "epochs=1", "evaluation=[knn]",
        "backbone.width=8", "method.mask_length=4", "logger.wandb=null",
        "trainer.accelerator=cpu", "trainer.precision=32-true",
    ]  # fmt: skip
    train.pretrain(retriever, config_dir)
    first, *rest = check(REBAR, config_dir)
    assert first.startswith("retriever") and first.endswith("is trained")
    assert [line for line in rest if line.startswith("views")] == ["views       4 of 4 x 2 x 16"]


def test_a_folder_of_images_a_table_and_recordings_are_tried(small):
    options = [o for o in small if not o.startswith("data=")]
    write_folder(Path("photos"), count=40)
    found = parts([*options, "data=folder", "data.path=photos"])
    assert found["data"].startswith("photos, 36 train and 4 test images of 3 x 16 x 16; 2 classes")
    names = [str(p) for p in sorted(Path("photos").rglob("*.png"))]
    Path("t.csv").write_text("file\n" + "\n".join(names))
    found = parts([*options, "data=table", "data.path=t.csv"])
    assert found["data"].endswith("images of 3 x 16 x 16; without labels")
    value = np.random.default_rng(0).normal(size=(40, 2, 16)).astype(np.float32)
    np.savez("s.npz", value=value, subject=np.arange(40) % 5)
    options = [o for o in options if not o.startswith("backbone")]
    found = parts([*options, "data=series", "data.path=s.npz", "data.layout=nct", "data.rate=1"])
    assert "32 train and 8 test windows of 2 x 16" in found["data"]


def test_a_loss_that_is_not_finite_is_one_line_and_exit_code_1(
    small, config_dir, monkeypatch, capsys
):
    step = SwAV.step

    def broken(self, batch):
        output = step(self, batch)
        return output._replace(loss=output.loss * float("nan"))

    monkeypatch.setattr(SwAV, "step", broken)
    assert main(["config", "check", *small, "--config-dir", config_dir]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("manyviews: the loss of the first step is nan")
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.out


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("batch_size=65", "batch_size=65 does not fit a training set of 64 images"),
        ("views=series", "these views are not for them"),
        ("optimizer.lr=-1.0", "optimizer.lr=-1.0; allowed: 0 to 1000"),
        ("method.queue_length=-1", "input should be greater than or equal to 0"),
    ],
)
def test_a_mistake_is_exit_code_2(small, config_dir, override, said, capsys):
    key = override.partition("=")[0]
    others = [text for text in small if not text.startswith(f"{key}=")]
    code = main(["config", "check", *others, override, "--config-dir", config_dir])
    assert code == 2 and said in capsys.readouterr().err
    assert not written()


def test_a_launcher_of_several_processes_is_refused(small, config_dir, monkeypatch):
    monkeypatch.setattr(process_group, "launcher", lambda: object())
    with pytest.raises(ConfigError, match="without torchrun or srun"):
        next(check(small, config_dir))
