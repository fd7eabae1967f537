import json
import os
from pathlib import Path

import commands
import numpy as np
import pytest

from manyviews import build, checkpoints, report, scoring, train
from manyviews.errors import ConfigError, Interrupted, RunFailed
from manyviews.evaluation.protocols.knn import KNN
from manyviews.evaluation.protocols.linear_lbfgs import LinearLBFGS
from manyviews.evaluation.suite import report_name

WAVES = [
    "data=waves",
    "method=barlow_twins",
    "method.hidden_dim=8",
    "method.projection_dim=8",
    "views=series",
    "backbone=tcn",
    "backbone.hidden_dim=4",
    "backbone.depth=2",
    "backbone.embedding_dim=8",
    "batch_size=16",
    "epochs=1",
    "trainer.accelerator=cpu",
    "schedule.warmup_epochs=0",
    "logger.wandb=null",
    "evaluation=[knn_series,clustering]",
    "evaluation.clustering.seeds=2",
]


@pytest.mark.slow
def test_the_card_of_series_has_their_controls_measures_subjects_and_pictures(config_dir):
    run = train.pretrain(WAVES, config_dir)
    card = json.loads(run.report.read_text())
    assert card["data"]["items"] == "windows"
    kinds = {(s["protocol"], s["metric"]) for s in card["scores"]}
    assert {("knn_series@1", "macro_auroc"), ("clustering@1+fc91", "ari")} <= kinds
    subjects = {s["subject"] for s in card["scores"]}
    baselines = {"mean_std", "spectrum", "raw_series", "random_convolutions"}
    assert subjects == {"trained", "random", *baselines}
    (trained,) = [s for s in card["subjects"] if s["subject"] == "trained"]
    assert [p["name"] for p in trained["each"]] == ["person 4", "person 5"]
    with np.load(run.report.with_name("gallery.npz")) as gallery:
        assert gallery["originals"].shape[1:] == gallery["view_1"].shape[1:] == (3, 80, 160)
    assert 'id="subjects"' in run.report.with_name("index.html").read_text()


def card_of(run):
    """The report of a run."""
    return json.loads(run.report.read_text())


def is_whole(run):
    return report.is_whole(run.report.parent, checkpoints.digest(run.checkpoints / "last.ckpt"))


def evaluate(run, *overrides):
    (report,) = scoring.evaluate([f"run={run.path}", "logger.wandb=null", *overrides]).reports
    return report


def broken(self, subject):
    raise ValueError("two lines\nof reasons")


def test_a_protocol_that_fails_leaves_the_others_and_a_row_with_its_reason(
    done_here, monkeypatch, capsys
):
    before = card_of(done_here)["scores"]
    with monkeypatch.context() as patched:
        patched.setattr(LinearLBFGS, "__call__", broken)
        evaluate(done_here, "evaluation=[linear_lbfgs]")
    card = card_of(done_here)
    assert card["scores"] == before
    assert card["failed"] == [
        {"protocol": "linear_lbfgs@2", "reason": "ValueError: two lines of reasons"}
    ]
    assert "linear_lbfgs@2: no score (ValueError: two lines of reasons)" in card["sentences"]
    assert "no score: ValueError" in done_here.report.with_name("index.html").read_text()
    evaluate(done_here, "evaluation=[linear_lbfgs]")  # is tried again
    assert not card_of(done_here)["failed"]
    assert {row["protocol"] for row in card_of(done_here)["scores"]} >= {"linear_lbfgs@2"}


def test_a_run_all_of_whose_protocols_fail_is_no_success(small, config_dir, monkeypatch):
    options = [o for o in small if not o.startswith("evaluation")] + ["evaluation=[linear_lbfgs]"]
    with monkeypatch.context() as patched:
        patched.setattr(LinearLBFGS, "__call__", broken)
        with pytest.raises(RunFailed, match="no protocol gave a score; linear_lbfgs@2: ValueError"):
            train.pretrain(options, config_dir)
    (folder,) = Path("runs").iterdir()
    assert (folder / "report" / "index.html").is_file()
    assert card_of(train.pretrain(options, config_dir))["scores"]  # the same command tries again


def test_a_protocol_with_other_numbers_stands_beside_the_one_that_comes_with_manyviews(done_here):
    evaluate(done_here, "evaluation=[knn]")
    evaluate(done_here, "evaluation=[knn]", "evaluation.knn.temperature=0.5")
    card = card_of(done_here)
    assert [*card["protocols"]] == ["knn@1+0eb8", "knn@1", "knn@1+098d"]
    assert {row["protocol"] for row in card["scores"]} == {*card["protocols"]}


def test_a_protocol_of_the_users_own_has_its_plain_name():
    assert report_name("mine", 3, {"version": 3, "k": 5}) == "mine@3"


FILES = ("report.json", "gallery.npz", "index.html")


@pytest.mark.parametrize("missing", [*FILES, "gallery.npz cut", "report.json cut", "features cut"])
def test_what_a_kill_left_undone_is_made_again_by_the_same_command(
    missing, done_here, small, config_dir
):
    card = card_of(done_here)
    name, *cut = missing.split()
    path = done_here.report.with_name(name)
    if name == "features":
        path = next((done_here.path / "features").glob("trained-test-*.npz"))
        done_here.report.unlink()
    if cut:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    train.pretrain(small, config_dir)
    assert is_whole(done_here)
    assert card_of(done_here) == card


@pytest.mark.parametrize("point", ["arrays.save_predictions", "write_json", "report.write"])
def test_a_run_whose_report_broke_off_is_not_finished(
    point, small, config_dir, monkeypatch, capsys
):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"manyviews.scoring.card.{point}", killed)
        with pytest.raises(Interrupted):
            train.pretrain(small, config_dir)
    capsys.readouterr()
    run = train.pretrain(small, config_dir)
    assert "is finished" not in capsys.readouterr().out
    assert is_whole(run)


def test_features_of_other_rows_are_extracted_again(done_here):
    path = next((done_here.path / "features").glob("trained-test-*.npz"))
    card = card_of(done_here)
    np.savez(path, embedding=np.ones((3, 2), "f4"), label=np.arange(3), position=np.arange(3))
    done_here.report.unlink()
    train.scoring.evaluate([f"run={done_here.path}", "logger.wandb=null", *KNN_OF_SMALL])
    assert card_of(done_here)["scores"] == card["scores"]


KNN_OF_SMALL = ["evaluation=[knn]", "evaluation.knn.neighbours=[1,5]", "evaluation.knn.headline=5"]


@pytest.mark.slow
def test_two_evaluations_at_once_leave_the_scores_of_both(done_here):
    protocols = ("linear_lbfgs", "clustering")
    begun = [
        commands.begin(
            *("evaluate", f"run={done_here.path}", f"evaluation=[{name}]", "logger.wandb=null"),
            MANYVIEWS_TRUST=os.environ["MANYVIEWS_TRUST"],
        )
        for name in protocols
    ]
    for process in begun:
        code, errors = commands.ending(process, timeout=120)
        assert code == 0, errors
    assert {*card_of(done_here)["protocols"]} == {"knn@1+0eb8", "linear_lbfgs@2", "clustering@1"}


def test_the_report_of_an_unfinished_run_says_so(done_here, config_dir):
    config = done_here.path / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2\n", "epochs: 30\n", 1))
    (done_here.path / "status.json").unlink()
    evaluate(done_here, "evaluation=[linear_lbfgs]")
    assert card_of(done_here)["unfinished"] == "unfinished, 2 of 30 epochs"
    for name in ("index.html", "report.md"):
        assert "unfinished, 2 of 30 epochs" in done_here.report.with_name(name).read_text()
    assert report.table(card_of(done_here)).title == "unfinished, 2 of 30 epochs"


def test_what_was_scored_is_shown_where_nothing_can_be_written(done_here, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("something was written or built")

    monkeypatch.setattr(build, "data", refused)
    monkeypatch.setattr("manyviews.runs.run.FileLock", refused)
    assert evaluate(done_here, *KNN_OF_SMALL) == done_here.report


def test_a_report_of_an_earlier_checkpoint_finishes_no_run(done_here, small, config_dir, capsys):
    card = card_of(done_here)
    card["checkpoint"]["sha256"] = "0" * 64
    done_here.report.write_text(json.dumps(card))
    train.pretrain(small, config_dir)
    assert "is finished" not in capsys.readouterr().out and is_whole(done_here)


def test_new_scores_are_refused_before_anything_is_read_where_they_cannot_be_written(
    done_here, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(build, "data", None)
    with pytest.raises(ConfigError, match="cannot be written: what was scored before"):
        evaluate(done_here, "evaluation=[clustering]")


def test_predictions_that_were_cut_are_written_again(done_here):
    path = done_here.report.with_name("predictions.npz")
    path.write_bytes(path.read_bytes()[:60])
    evaluate(done_here, "evaluation=[clustering]")
    with np.load(path) as arrays:
        assert {"position", "label"} <= {*arrays}


def test_a_report_without_panels_gets_them_and_keeps_its_scores(done_here, monkeypatch):
    file, before = done_here.report.with_name("panels.npz"), card_of(done_here)["scores"]
    shown = file.read_bytes()
    file.unlink()
    monkeypatch.setattr(KNN, "__call__", None)  # scores are not computed again
    evaluate(done_here, *KNN_OF_SMALL)
    assert file.read_bytes() == shown and card_of(done_here)["scores"] == before
