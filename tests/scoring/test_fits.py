"""What protocols train: stopped, killed, continued, shared by ranks and removed."""

import json
import signal
from pathlib import Path

import killer
import pytest
from pictures import write_folder
from same import assert_same, result

from manyviews import checkpoints, cli, runs, scoring
from manyviews.callbacks.stop import Stop
from manyviews.errors import ConfigError, Interrupted, Terminated
from manyviews.evaluation.probes.classifier import Classifier
from manyviews.scoring import fits

PROTOCOLS = ("linear_swav", "finetune")
SHORT = [f"evaluation.{name}.{key}" for name in PROTOCOLS for key in ("epochs=2", "batch_size=8")]
CHOSEN = ["evaluation=[linear_swav,finetune]", *SHORT]
COMMAND = [
    *("data=stripes", "data.count=40", "backbone=speck", "logger=null"),
    *("trainer.accelerator=cpu", "trainer.precision=32-true"),
    *CHOSEN,
]


def scores(folder="evaluations"):
    (report,) = Path(folder).glob("*/report.json")
    found = json.loads(report.read_text())
    assert not found["failed"]
    return found["scores"], (report.parent / "fits").exists()


def trained(folder):
    """What the last checkpoints of each training hold, by its name."""
    files = Path(folder).glob("*/fits/*/checkpoints/last.ckpt")
    return {file.parts[-3]: result(checkpoints.read(file)) for file in files}


def test_killed_at_any_moment_it_ends_as_if_nothing_had_happened(config_dir):
    # The steps are those of each training, ten in all; it is saved after steps 3, 5, 6, 9 and 10.
    for kill in (("step", 4), ("rename", 2), ("step", 4), None):
        code = killer.evaluate(COMMAND, config_dir, kill)
        assert code == (-9 if kill else 0)
    # In a process alike: bits depend on the number of threads.
    assert killer.evaluate([*COMMAND, "evaluations=whole"], config_dir) == 0
    assert len(trained("whole")) == 2
    assert_same(trained("evaluations"), trained("whole"))
    assert scores()[0] == scores("whole")[0]


def stopping(monkeypatch, number, *asked):
    """Answer the question whether a signal came by these answers, then by no."""
    told = iter(asked)
    monkeypatch.setattr(Stop, "requested", lambda self: number * next(told, False))


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [(signal.SIGTERM, Terminated, 143), (signal.SIGINT, Interrupted, 130)],
)
def test_a_stopped_probe_is_saved_and_goes_on_in_mid_epoch(
    number, kind, code, config_dir, monkeypatch, capsys
):
    for more, step in ((1, 2), (2, 5), (4, 10)):
        stopping(monkeypatch, number, *[False] * more, True)
        assert (
            cli.main(["evaluate", "--config-dir", config_dir, *COMMAND]) == code == kind.exit_code
        )
        said = capsys.readouterr().err
        assert said.startswith(f"manyviews: stopped, step {step} (")
        assert "/fits/linear_swav@1" in said and said.endswith("the same command continues\n")
    stopping(monkeypatch, number)
    for more in ([], ["evaluations=whole"]):
        scoring.evaluate([*COMMAND, *more], config_dir)
    assert scores() == scores("whole") and not scores()[1]


def test_a_finished_probe_is_not_trained_again_when_the_next_one_is_stopped(
    config_dir, monkeypatch, capsys
):
    stopping(monkeypatch, signal.SIGINT, *[False] * 12, True)
    with pytest.raises(Interrupted):
        scoring.evaluate(COMMAND, config_dir)
    first = capsys.readouterr().out
    assert "training linear_swav@1" in first and "training finetune@1" in first
    stopping(monkeypatch, signal.SIGINT)
    scoring.evaluate(COMMAND, config_dir)
    assert "training linear_swav@1" not in capsys.readouterr().out


def test_what_a_failed_protocol_trained_is_kept(config_dir, monkeypatch):
    step = Classifier.training_step

    def diverges(self, batch, batch_idx):
        found = step(self, batch, batch_idx)
        return {**found, "logs": {"train/loss": found["logs"]["train/loss"] * float("nan")}}

    monkeypatch.setattr("manyviews.evaluation.probes.finetuned.FineTuned.training_step", diverges)
    scoring.evaluate(COMMAND, config_dir)
    (report,) = Path("evaluations").glob("*/report.json")
    (failed,) = json.loads(report.read_text())["failed"]
    assert failed["reason"].startswith("NotFinite: the loss is not finite at step")
    (kept,) = (report.parent / "fits").iterdir()
    assert kept.name.startswith("finetune@1")


def test_ranks_train_together_what_the_report_needs(ranks, small, config_dir, monkeypatch):
    """Rank 0 alone then trains nothing."""
    here = str(Path.cwd())
    group = [text for text in small if "evaluation" not in text]
    group += ["trainer.devices=2", *CHOSEN, "epochs=1", "backbone=speck"]
    last = {text.partition("=")[0]: text for text in group}
    ranks(2)("on_ranks.pretrain", here, [*last.values()], config_dir)
    run = runs.load(next(Path("runs").iterdir()))
    kept = {f.name.rpartition("-")[0] for f in (run.path / "report" / "fits").iterdir()}
    assert {name.rpartition("-")[2] for name in kept} == {"trained", "random"} and len(kept) == 4
    monkeypatch.setattr(fits, "_train", lambda *_: pytest.fail("trained on one process"))
    (report,) = scoring.evaluate([f"run={run.path}", *CHOSEN, "logger=null"]).reports
    found = json.loads(report.read_text())
    assert not found["failed"] and not (report.parent / "fits").exists()
    assert {row["subject"] for row in found["scores"]} == {"trained", "random"}


def test_several_processes_are_refused_in_one_line(config_dir):
    with pytest.raises(ConfigError, match=r"trainer.devices=2: evaluate is one process; type"):
        scoring.evaluate([*COMMAND, "trainer.devices=2"], config_dir)


def test_the_suite_of_papers_on_a_folder_of_images_of_many_sizes(config_dir, tmp_path):
    root = write_folder(
        tmp_path / "photos", count=240, shape=lambda i: (20 + 3 * (i % 7), 18 + i % 5)
    )
    names = [f"linear_{name}" for name in ("swav", "barlow", "vicreg", "simsiam", "moco", "dino")]
    short = [f"evaluation.{name}.{key}" for name in names for key in ("epochs=1", "batch_size=8")]
    own = ["data=folder", f"data.path={root}", "data.size=16", "data.workers=0"]
    rest = [text for text in COMMAND[2:6] if not text.startswith("data")]
    asked = [*own, *rest, *short, "backbone=speck", "evaluation=paper"]
    last = {text.partition("=")[0]: text for text in asked}
    (report,) = scoring.evaluate([*last.values()], config_dir).reports
    found = json.loads(report.read_text())
    assert not found["failed"]
    scored = {row["protocol"].partition("@")[0] for row in found["scores"]}
    assert scored == {*names, "knn_dino", "knn_instdisc", "knn_mixbt"}
    assert all(
        found["protocols"][key]["config"]["deviates"]
        for key in found["protocols"]
        if key.startswith("linear")
    )
