"""Searches: what is proposed, what is refused, and what is ended early."""

import os
import sys
from pathlib import Path

import pytest
import trial

from manyviews import config
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.sweeps import attempts, command, controller, search
from manyviews.sweeps.controller import Controller
from manyviews.sweeps.search import Search

STAND_IN = [sys.executable, str(Path(__file__).parents[1] / "support" / "trial.py")]
SPACE = ["data=stripes", "evaluation=[knn]", "optimizer.lr=tag(log,interval(1e-5,1))"]


def made(config_dir, *of_sweep, space=SPACE):
    settings = ["sweep=optuna", "sweep.metric=val/knn@1/top1", *of_sweep]
    return Search(space, config.compose("multirun", settings)[0]["sweep"], config_dir)


def run(found, jobs=1):
    begun = Controller(found.sweep, jobs=jobs, search=found, say=lambda _: None)
    begun.launcher.command = STAND_IN
    return begun.run()


def finish_all(found):
    """Every proposal finishes at once, with the accuracy of the stand-in."""
    while found.left:
        for proposed in found.propose():
            path = Path(proposed.folder)
            path.mkdir(parents=True, exist_ok=True)
            trial.learn(path, proposed.config)
            status.write(path, state="finished")


def rates(found):
    return [trial.config["optimizer"]["lr"] for trial in found.sweep.trials]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "qmc", "random"])
def test_an_interrupted_search_proposes_what_an_undisturbed_one_does(
    sampler, config_dir, monkeypatch, tmp_path
):
    proposed = []
    for parts in ([4], [2, 1, 1]):
        (tmp_path / str(len(parts))).mkdir()
        monkeypatch.chdir(tmp_path / str(len(parts)))
        proposed.append([])
        for i in range(len(parts)):
            total = sum(parts[: i + 1])
            found = made(config_dir, f"sweep.sampler={sampler}", f"sweep.trials={total}")
            finish_all(found)
            proposed[-1] = rates(found)
    assert proposed[0] == proposed[1] and len(set(proposed[0])) == 4


def test_trials_are_the_total_and_the_best_is_told(config_dir, capsys, monkeypatch):
    found = made(config_dir, "sweep.trials=4")
    run(found, jobs=2)
    found = made(config_dir, "sweep.trials=12")
    assert found.left == 8
    finish_all(found)
    assert len(rates(found)) == 12 and found.left == 0
    best, value = found.best() or pytest.fail("there is no best")
    assert value == max(found.value(trial) for trial in found.sweep.trials)
    assert 10**-3 < best.config["optimizer"]["lr"] < 10**-1
    again = made(config_dir, "sweep.trials=12")
    assert again.left == 0 and rates(again) == rates(found)


def test_a_space_that_is_exhausted_ends_the_search(config_dir, capsys):
    space = [*SPACE[:-1], "optimizer.lr=0.01,0.1", "seed=range(0,2)"]
    found = made(config_dir, "sweep.trials=9", space=space)
    finish_all(found)
    assert len(rates(found)) == 4
    assert (
        "no other run was found in 50 proposals; the search ends with 4" in capsys.readouterr().out
    )


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_trials_without_hope_are_ended_and_the_best_stays(pruner, config_dir, monkeypatch):
    monkeypatch.setenv("EPOCH_SECONDS", "0.1")
    monkeypatch.setattr(controller, "POLL", 0.02)
    of_sweep = ["sweep.trials=10", "sweep.sampler=random", "sweep.seed=3"]
    space = [*SPACE, "epochs=6"]
    found = made(config_dir, *of_sweep, f"sweep.pruner={pruner}", space=space)
    run(found)
    states = [attempts.last_of(found.sweep.path)[t.number].state for t in found.sweep.trials]
    assert states.count("pruned") >= 3
    pruned = found.sweep.trials[states.index("pruned")]
    assert status.read(Path(pruned.folder)).state == "pruned"
    best = min(rates(found), key=lambda lr: abs(search.math.log10(lr) + 2))
    assert found.best()[0].config["optimizer"]["lr"] == best
    before = dict(enumerate(states))
    run(made(config_dir, *of_sweep, f"sweep.pruner={pruner}", space=space))  # not begun again
    after = attempts.last_of(found.sweep.path)
    assert {number: attempt.state for number, attempt in after.items()} == before


def test_a_trial_that_failed_counts_and_the_search_goes_on(config_dir):
    found = made(config_dir, "sweep.trials=3")
    begun = Controller(found.sweep, search=found, say=lambda _: None)
    begun.launcher.command = [sys.executable, "-c", "import sys; sys.exit('manyviews: no')"]
    ended = begun.run()
    assert [attempt.state for attempt in ended.values()] == ["failed"] * 3
    assert found.best() is None


@pytest.mark.parametrize(
    ("of_sweep", "space", "said"),
    [
        (["sweep.metric=eval/knn@1/top1"], SPACE, "measured on test items.*=val/knn@1/top1"),
        (["sweep.metric=val/knn@1/top2"], SPACE, "unknown sweep.metric 'val/knn@1/top2'.*top1"),
        (["sweep.metric=val/ncm@1/top1"], SPACE, "unknown sweep.metric 'val/ncm@1/top1'"),
        (["sweep.metric=online/label_free@1/rankme"], SPACE, "unknown sweep.metric"),
        (["sweep.pruner=median", "sweep.prune_by=online/knn@2/top1"], SPACE, "sweep.prune_by"),
        (["sweep.sampler=tpee"], SPACE, "sweep.sampler='tpee'"),
        (["sweep.trials=0"], SPACE, "sweep.trials=0"),
        ([], SPACE[:-1], "nothing to search: type an interval or a list"),
        ([], [*SPACE[:-1], "optimizer.lr=interval(1,0)"], "from a smaller to a larger number"),
        ([], [*SPACE[:-1], "optimizer.lr=tag(log,interval(0,1))"], "begins above 0"),
        ([], [*SPACE, "epochs=1,x"], "epochs='x'"),
        ([], [*SPACE, "epoch=int(interval(1,3))"], "unknown key 'epoch'"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(of_sweep, space, said, config_dir):
    with pytest.raises(ConfigError, match=said):
        made(config_dir, *of_sweep, space=space)
    assert not Path("sweeps").exists()


def test_label_free_and_online_metrics_may_be_chosen_by(config_dir):
    free = [*SPACE[:1], "evaluation=[knn,label_free]", SPACE[2]]
    made(config_dir, "sweep.metric=eval/label_free@1/rankme", space=free)
    layers = [*SPACE[:1], "evaluation=[knn,cka]", SPACE[2]]  # it reads no label, but has no rank
    with pytest.raises(ConfigError, match="unknown sweep.metric 'eval/cka@1/rankme'"):
        made(config_dir, "sweep.metric=eval/cka@1/rankme", space=layers)
    online = [*SPACE, "callbacks.online_label_free.every_n_epochs=1"]
    made(config_dir, "sweep.metric=online/label_free@1/rankme", space=online)


def test_accuracies_on_other_data_may_be_chosen_by(config_dir):
    space = [*SPACE, "callbacks.other_data.sets=[checks]"]
    made(config_dir, "sweep.metric=online/checks/knn@1/top1", space=space)
    with pytest.raises(ConfigError, match="unknown sweep.metric 'online/checks/knn@1/top1'"):
        made(config_dir, "sweep.metric=online/checks/knn@1/top1")


def test_without_optuna_the_extra_is_named(config_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'manyviews\[sweep\]'"):
        made(config_dir)


def test_the_seed_or_the_metric_makes_another_search_and_more_trials_do_not(config_dir):
    first, more = made(config_dir), made(config_dir, "sweep.trials=40")
    assert first.sweep.path == more.sweep.path
    assert made(config_dir, "sweep.seed=1").sweep.path != first.sweep.path


def test_the_command_says_what_is_left(config_dir, capsys):
    overrides = ["sweep=optuna", "sweep.metric=val/knn@1/top1", *SPACE]
    command.run(overrides, config_dir, dry_run=True)
    assert "no run yet, 20 to be proposed" in capsys.readouterr().out
    assert os.listdir() == []
