"""The command `manyviews pretrain -m`, and `manyviews sweep`, which says where a sweep stands."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from manyviews.errors import ConfigError, RunFailed
from manyviews.runs import status
from manyviews.sweeps import attempts, leaderboard, request, spread
from manyviews.sweeps.attempts import Attempt
from manyviews.sweeps.controller import Controller, Retry, environment
from manyviews.sweeps.estimate import estimate
from manyviews.sweeps.plan import Sweep, Trial, load, plan
from manyviews.sweeps.search import Search


def run(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    jobs: int = 1,
    retry: Retry = "failed",
    dry_run: bool = False,
) -> Sweep:
    """Plan a sweep, run what is left of it, and say how it ended.

    Args:
        overrides: of the runs, with several values, and keys of `conf/multirun.yaml`.
        config_dir: a folder with config groups of your own.
        jobs: most runs at the same time.
        retry: what to do with runs that failed before.
        dry_run: True to print the plan and run nothing.

    Raises:
        ConfigError: a mistake in any run, told before the first starts.
        RunFailed: at least one run did not finish.
        Interrupted: it was told to stop; the same command continues.
    """
    check_jobs(jobs)
    settings, of_runs = request.read(overrides, config_dir)
    search = None
    if settings.get("sampler") is None:
        sweep = plan(of_runs, settings, config_dir, write=not dry_run)
        print(f"{sweep.path}: {counts(standing(sweep))}", flush=True)
    else:
        search = Search(of_runs, settings, config_dir)
        sweep = search.sweep
        print(f"{sweep.path}: {counts(standing(sweep))}, {search.left} to be proposed", flush=True)
    if dry_run:
        planned = [*standing(sweep).values()]
        left = sum(state not in ("finished", "pruned") for state in planned)
        print(estimate(sweep, left + (search.left if search else 0), jobs))
        for line in commands(sweep, jobs):
            print(line)
        return sweep
    controller = Controller(
        sweep, jobs=jobs, retry=retry, minutes=settings["minutes"], search=search
    )
    ended = controller.run()
    if search is not None and (best := search.best()):
        print(f"best {settings['metric']}: {best[1]:.4f} by {best[0].command}")
    if settings["report"] and "finished" in standing(sweep).values():
        board = leaderboard.leaderboard([str(sweep.path)])
        Console().print(spread.table(spread.spread(board, **settings["report"])))
    say_failed(sweep, ended)
    return sweep


def check_jobs(jobs: int) -> None:
    """Raise unless so many runs can be trained at the same time on this system.

    Raises:
        ConfigError: says why not.
    """
    if os.name != "posix":
        raise ConfigError("sweeps need Linux or macOS, whose processes can share a lock")
    if jobs < 1:
        raise ConfigError(f"-j {jobs}; allowed: 1 or more")


def counts(standing: Mapping[int, str]) -> str:
    """Return how many runs there are, and how they stand."""
    states = list(standing.values())
    return f"{len(states)} runs: {attempts.count(states)}" if states else "no run yet"


def standing(sweep: Sweep) -> dict[int, str]:
    """Return by number how each trial stands: planned, training, finished, failed, ..."""
    last = attempts.last_of(sweep.path)
    found = {}
    for trial in sweep.trials:
        known = status.read(Path(trial.folder))
        state = known.state if known is not None else "planned"
        ended = last.get(trial.number)
        if state != "finished" and ended is not None and ended.state != "finished":
            state = ended.state
        found[trial.number] = state
    return found


def commands(sweep: Sweep, jobs: int) -> list[str]:
    """Return the command of each run that is not finished, with its number of threads."""
    variables = [f"{k}={v}" for k, v in environment(0, jobs).items() if k == "OMP_NUM_THREADS"]
    states = standing(sweep)
    return [
        " ".join([*variables, trial.command])
        for trial in sweep.trials
        if states[trial.number] != "finished"
    ]


def say_failed(sweep: Sweep, ended: dict[int, Attempt]) -> None:
    """Print the runs that did not finish, with the reason.

    Raises:
        RunFailed: there is one.
    """
    states = standing(sweep)
    failed = [trial for trial in sweep.trials if states[trial.number] != "finished"]
    pruned = [trial for trial in failed if states[trial.number] == "pruned"]
    if len(failed) == len(pruned):
        return
    for trial in failed:
        if trial not in pruned:
            print(_failure(sweep, trial, ended.get(trial.number)))
    raise RunFailed(
        f"{len(failed) - len(pruned)} of {len(sweep.trials)} runs did not finish; the same command "
        "tries them once more"
    )


def _failure(sweep: Sweep, trial: Trial, ended: Attempt | None) -> str:
    state = ended.state if ended else "did not begin"
    reason = f": {ended.reason}" if ended and ended.reason else ""
    log = sweep.path / "logs" / f"{trial.number}.log"
    return f"{Path(trial.folder).name} {state}{reason} (log: {log})"


def show(folder: str) -> list[str]:
    """Return lines that say where a sweep stands, and the command that continues it.

    Raises:
        ConfigError: the folder is not that of a sweep.
    """
    sweep = load(Path(folder))
    last, states = attempts.last_of(sweep.path), standing(sweep)
    lines = [f"{sweep.path}: {counts(states)}"]
    for trial in sweep.trials:
        state, ended = states[trial.number], last.get(trial.number)
        reason = f": {ended.reason}" if ended and ended.reason and state != "finished" else ""
        lines.append(f"{trial.number:4} {state:9} {Path(trial.folder).name}{reason}")
    if set(states.values()) != {"finished"}:
        lines.append(f"to continue: {sweep.command}")
    return lines


def run_trial(folder: str, number: str) -> Path:
    """Train one trial of a sweep in this process, and return its run folder.

    Raises:
        ConfigError: there is no such trial; and whatever a run raises.
    """
    sweep = load(Path(folder))
    if not number.isdecimal() or int(number) >= len(sweep.trials):
        raise ConfigError(f"{folder} has no trial {number}; it has 0 to {len(sweep.trials) - 1}")
    from manyviews import train

    return train.pretrain_planned(sweep.trials[int(number)].stage).path
