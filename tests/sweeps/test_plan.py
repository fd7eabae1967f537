import json
import subprocess
import sys
from pathlib import Path

import pytest

from manyviews import config, runs
from manyviews.errors import ConfigError
from manyviews.sweeps.plan import load, plan

GRID = ["data=stripes", "optimizer.lr=1e-3,1e-2", "seed=0,1"]


def settings(*overrides):
    return config.compose("multirun", overrides)[0]["sweep"]


def planned(overrides, config_dir, *of_sweep, **options):
    return plan(overrides, settings(*of_sweep), config_dir, **options)


def test_every_trial_has_the_config_and_the_folder_of_its_command(config_dir):
    sweep = planned(GRID, config_dir)
    assert len(sweep.trials) == 4 and sweep.path.parent.name == "sweeps"
    for trial in sweep.trials:
        composed, choices = config.compose("pretrain", trial.overrides, config_dir)
        assert (trial.config, trial.choices) == (composed, choices)
        assert trial.folder == str(runs.folder(composed, choices))
    assert sweep.trials[1].command == "manyviews pretrain data=stripes optimizer.lr=0.001 seed=1"
    assert len({trial.folder for trial in sweep.trials}) == 4


def test_a_file_that_changes_later_changes_nothing_in_a_plan(config_dir, tmp_path):
    own = tmp_path / "conf" / "data"
    own.mkdir(parents=True)
    text = Path(config_dir, "data", "stripes.yaml").read_text()
    (own / "stripes.yaml").write_text(text)
    first = planned(GRID, str(own.parent))
    (own / "stripes.yaml").write_text(text.replace("count: 64", "count: 60"))
    assert planned(GRID, str(own.parent)) == first == load(first.path)
    assert first.trials[0].config["data"]["count"] == 64


def test_a_name_holds_one_sweep(config_dir):
    planned(GRID, config_dir, "sweep.name=mine")
    assert planned(GRID, config_dir, "sweep.name=mine").path == Path("sweeps/mine")
    said = "holds another sweep .it has seed=0,1, you typed seed=0,1,2.; type another sweep.name"
    with pytest.raises(ConfigError, match=said):
        planned([*GRID[:-1], "seed=0,1,2"], config_dir, "sweep.name=mine")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["seed=0,1,x"], "seed='x'"),
        (["seed=0,1", "epoch=3"], "unknown key 'epoch'"),
        (["resume=never", "seed=0,1"], "a sweep continues its runs"),
        (["seed=range(0,0)"], "stands for no value"),
    ],
)
def test_a_mistake_leaves_no_folder(overrides, said, config_dir):
    with pytest.raises(ConfigError, match=said):
        planned(overrides, config_dir)
    assert not Path("sweeps").exists()


def test_a_look_at_the_plan_leaves_no_folder(config_dir):
    assert len(planned(GRID, config_dir, write=False).trials) == 4
    assert not Path("sweeps").exists()


def test_two_cells_that_are_the_same_run_are_one_trial(config_dir):
    assert len(planned(["data=stripes", "optimizer.lr=0.1,1e-1,0.2"], config_dir).trials) == 2


def test_the_retriever_is_a_trial_of_its_own_which_others_need(config_dir):
    rebar = ["data=waves", "method=rebar", "backbone=tcn", "method.margin=0.1,0.2", "seed=0,1"]
    rebar[3] = "optimizer.lr=1e-3,1e-2"
    sweep = planned(rebar, config_dir)
    methods = [trial.choices["method"] for trial in sweep.trials]
    assert methods == ["rebar_retriever", "rebar", "rebar_retriever", "rebar", "rebar", "rebar"]
    assert [trial.needs for trial in sweep.trials] == [None, 0, None, 2, 0, 2]
    for trial in sweep.trials:
        if trial.needs is not None:
            needed = sweep.trials[trial.needs]
            assert trial.config["method"]["retriever"] == needed.folder
            assert trial.config["seed"] == needed.config["seed"]


def test_a_damaged_plan_says_what_to_do(config_dir):
    sweep = planned(GRID, config_dir)
    file = sweep.path / "plan.jsonl"
    file.write_text(file.read_text()[:-40])
    with pytest.raises(ConfigError, match="is damaged; delete it, and the same command plans"):
        load(sweep.path)
    with pytest.raises(ConfigError, match="runs is no sweep folder"):
        load(Path("runs"))


def test_a_preset_adds_its_overrides(config_dir):
    sweep = planned(["data=stripes"], config_dir, "sweep=seeds")
    assert [trial.config["seed"] for trial in sweep.trials] == [0, 1, 2, 3, 4]
    assert json.loads((sweep.path / "spec.json").read_text())["overrides"][-1] == "data=stripes"
    both = planned(["data=stripes", "seed=7"], config_dir, "sweep=seeds")
    assert [trial.config["seed"] for trial in both.trials] == [7]


@pytest.mark.parametrize(
    "name", ["command", "agents", "boards.forms", "tables.reproduce", "estimate"]
)
def test_what_plans_and_reads_tables_needs_no_torch(name):
    code = (
        f"import sys, manyviews.sweeps.{name}; assert not {{'torch', 'wandb'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
