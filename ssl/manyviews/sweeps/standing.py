"""Where a sweep stands, in lines: how many runs there are, which of them failed, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from manyviews.errors import RunFailed
from manyviews.runs import status
from manyviews.sweeps import attempts
from manyviews.sweeps.attempts import Attempt
from manyviews.sweeps.estimate import estimate
from manyviews.sweeps.launchers.job import read_code
from manyviews.sweeps.plan import Sweep, Trial, load


def counts(states: Mapping[int, str]) -> str:
    """Return how many runs there are, and how they stand."""
    found = list(states.values())
    return f"{len(found)} runs: {attempts.count(found)}" if found else "no run yet"


def states_of(sweep: Sweep) -> dict[int, str]:
    """Return by number how each trial stands: planned, queued, training, finished, failed, ..."""
    last, jobs = attempts.last_of(sweep.path), attempts.open_jobs(sweep.path)
    found = {}
    for trial in sweep.trials:
        known = status.read(Path(trial.folder))
        state = known.state if known is not None else "planned"
        ended, job = last.get(trial.number), jobs.get(trial.number)
        if job is not None and read_code(sweep.path, trial.number, job.job) is None:
            worked = known is not None and known.heartbeat >= job.began
            if state != "finished" and not (worked and state in ("training", "trained")):
                state = "queued"
        elif state != "finished" and ended is not None and ended.state != "finished":
            state = ended.state
        found[trial.number] = state
    return found


def left(
    sweep: Sweep, states: Mapping[int, str], jobs: int, threads: int, proposed: int = 0
) -> list[str]:
    """Return what a sweep has left: an estimate, and the command of each unfinished run.

    Args:
        sweep: the plan.
        states: see `states_of`.
        jobs: runs at the same time.
        threads: threads of each run, unless the user chose a number.
        proposed: runs that a search will propose.
    """
    number = sum(state not in ("finished", "pruned") for state in states.values())
    variables = [] if "OMP_NUM_THREADS" in os.environ else [f"OMP_NUM_THREADS={threads}"]
    return [
        estimate(sweep, number + proposed, jobs),
        *(
            " ".join([*variables, trial.command])
            for trial in sweep.trials
            if states[trial.number] != "finished"
        ),
    ]


def say_failed(sweep: Sweep, ended: dict[int, Attempt]) -> None:
    """Print the runs that did not finish, with the reason.

    Raises:
        RunFailed: there is one.
    """
    states = states_of(sweep)
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
    last, states = attempts.last_of(sweep.path), states_of(sweep)
    lines = [f"{sweep.path}: {counts(states)}"]
    for trial in sweep.trials:
        state, ended = states[trial.number], last.get(trial.number)
        reason = f": {ended.reason}" if ended and ended.reason and state != "finished" else ""
        lines.append(f"{trial.number:4} {state:9} {Path(trial.folder).name}{reason}")
    if set(states.values()) != {"finished"}:
        lines.append(f"to continue: {sweep.command}")
    return lines
