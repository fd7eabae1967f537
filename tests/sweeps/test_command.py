"""`manyviews pretrain -m` with real runs, and what it prints."""

import os
import re
import sys
from pathlib import Path

import pytest
import torch
from same import assert_same, result

from manyviews import checkpoints, cli, runs, train
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.sweeps import command
from manyviews.sweeps.plan import load


@pytest.fixture(autouse=True)
def threads():
    """A test may change the number of threads of this process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def grid(small, monkeypatch):
    """Two runs, and two whose batch does not fit the data."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    rest = [text for text in small if not text.startswith("batch_size")]
    return [*rest, "batch_size=16,65", "seed=0,1"]


@pytest.mark.slow
def test_trials_are_the_runs_of_the_same_commands_by_hand(grid, config_dir, capfd):
    typed = ["pretrain", "-m", *grid, "-j", "2", "--config-dir", config_dir]
    assert cli.main(typed) == 1
    said, told = capfd.readouterr()
    assert "2 of 4 runs did not finish; the same command tries them once more" in told
    reason = "failed: batch_size=65 does not fit a training set of 64"
    assert len(re.findall(rf"-s[01] {reason}.*log: sweeps/", said)) == 2
    (folder,) = Path("sweeps").iterdir()
    sweep = load(folder)
    torch.set_num_threads(1)  # as the trials have
    for trial in sweep.trials[:2]:
        again = train.pretrain([*trial.overrides, "runs=again"], config_dir)
        ours, theirs = (
            checkpoints.load(run.checkpoints, "last").content
            for run in (runs.load(trial.folder), again)
        )
        assert_same(result(ours), result(theirs))
    capfd.readouterr()
    assert cli.main(["compare", *(trial.folder for trial in sweep.trials[:2])]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "keys first second seed 0 1 two runs" in said and "A minus B knn@1+" in said
    assert cli.main(["sweep", str(folder)]) == 0
    said = capfd.readouterr().out
    assert f"{folder}: 4 runs: 2 finished, 2 failed" in said
    assert "to continue: manyviews pretrain -m data=stripes" in said
    assert cli.main(["leaderboard", "--by", "eval/knn@1+0eb8/top1", "--csv"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 2


def test_a_trial_is_in_w_and_bs_group_of_its_sweep(grid, config_dir, monkeypatch):
    monkeypatch.setenv(command.GROUP, "")  # so that what the command sets is taken back
    monkeypatch.delenv(command.GROUP)
    monkeypatch.setattr(command, "load", lambda _: planned)
    planned = command.run(grid, config_dir, dry_run=True)._replace(path=Path("sweeps/mine"))
    monkeypatch.setattr(train, "pretrain_planned", lambda stage: runs.Run(Path("x"), {}, {}))
    command.run_trial("sweeps/mine", "0")
    assert os.environ[command.GROUP] == "mine"
    monkeypatch.setenv(command.GROUP, "chosen")
    command.run_trial("sweeps/mine", "1")
    assert os.environ[command.GROUP] == "chosen"


def test_a_look_at_the_plan_prints_the_commands_and_begins_nothing(grid, config_dir, capsys):
    command.run(grid, config_dir, jobs=2, dry_run=True)
    first, time, *lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"sweeps/sweep-[0-9a-f]{8}: 4 runs: 4 planned", first)
    known = "time and disk: not known before a run has finished"
    assert time == f"4 runs, 0 finished, 4 left; {known}"
    assert len(lines) == 4 and lines[0].startswith("manyviews pretrain data=stripes ")
    assert not Path("sweeps").exists() and not Path("runs").exists()


def test_time_and_disk_of_what_is_left_are_those_of_the_finished_runs(grid, config_dir, capsys):
    sweep = command.run([*grid[:-1], "seed=range(0,4)"], config_dir, dry_run=True)
    for trial, seconds in zip(sweep.trials[:3], (100.0, 200.0, 999.0), strict=True):
        folder = Path(trial.folder)
        (folder / "features").mkdir(parents=True)
        (folder / "features" / "a.npz").write_bytes(bytes(10**6 * int(seconds / 100)))
        status.write(folder, state="failed" if seconds == 999 else "finished", seconds=seconds)
    capsys.readouterr()
    command.run([*grid[:-1], "seed=range(0,4)"], config_dir, jobs=4, dry_run=True)
    # Of 8 runs 6 are left, 4 at a time, so 2 after each other.
    line = "8 runs, 2 finished, 6 left; time: 5 min with -j 4; disk: 9.0 MB (a finished one took "
    assert capsys.readouterr().out.splitlines()[1] == line + "2:30 minutes and 1.5 MB)"


def test_a_file_holds_a_sweep(grid, config_dir):
    Path("mine.yaml").write_text("name: mine\nbase: seeds\nminutes: 5\noverrides: ['seed=3,4']\n")
    overrides = [text for text in grid if not text.startswith(("seed", "batch_size"))]
    sweep = command.run([*overrides, "sweep=mine.yaml"], config_dir, dry_run=True)
    assert sweep.path == Path("sweeps/mine")
    assert [trial.config["seed"] for trial in sweep.trials] == [3, 4]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["sweep=none.yaml"], "sweep=none.yaml: .*No such file"),
        (["sweep=list.yaml"], "the file holds no keys"),
        (["sweep=odd.yaml"], "unknown key 'sweep.trails'"),
        (["sweep=gird"], "unknown sweep 'gird': did you mean 'grid'"),
        (["sweep.name='a/b'"], r"sweep\.name='a/b' \(str\)"),
        (["sweep.minutes=0"], r"sweep\.minutes=0 \(int\): input should be greater than 0"),
    ],
)
def test_a_mistake_in_the_sweep_is_one_line(overrides, said, config_dir):
    Path("list.yaml").write_text("- a\n")
    Path("odd.yaml").write_text("trails: 3\n")
    with pytest.raises(ConfigError, match=said):
        command.run(["data=stripes", "seed=0,1", *overrides], config_dir)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["pretrain", "-j", "2"], "--jobs belongs to a sweep; type -m, too"),
        (["pretrain", "--dry-run"], "--dry-run belongs to a sweep"),
        (["pretrain", "-m", "seed=0,1", "-j", "0"], "-j 0; allowed: 1 or more"),
        (["sweep", "a", "b"], "type manyviews sweep FOLDER"),
        (["sweep", "nowhere"], "nowhere is no sweep folder"),
        (["leaderboard", "nowhere"], "nowhere is no folder"),
        (["compare", "nowhere", "nowhere"], "run=nowhere is not a run folder"),
        (["pretrain", "seed=0,1"], "`manyviews pretrain -m` makes a run of each"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(typed, said, capsys):
    assert cli.main(typed) == 2
    assert said in capsys.readouterr().err
    assert not Path("sweeps").exists()
