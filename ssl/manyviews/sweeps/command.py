"""The command `manyviews pretrain -m`, and `manyviews sweep`, which says where a sweep stands."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from manyviews import config
from manyviews.errors import ConfigError, RunFailed, one_line
from manyviews.runs import status
from manyviews.schema import Config
from manyviews.sweeps import attempts, slurm
from manyviews.sweeps.attempts import Attempt, is_finished
from manyviews.sweeps.controller import Controller, Retry
from manyviews.sweeps.job import read_code
from manyviews.sweeps.plan import Sweep, Trial, load, plan, save_launcher
from manyviews.sweeps.processes import cores_of_each
from manyviews.sweeps.search import Search
from manyviews.sweeps.slurm import Jobs

OURS = ("sweep", "launcher")  # groups of the sweep itself; all others are those of its runs


def run(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    jobs: int = 1,
    retry: Retry = "failed",
    dry_run: bool = False,
    detach: bool = False,
) -> Sweep:
    """Plan a sweep, run what is left of it, and say how it ended.

    Args:
        overrides: of the runs, with several values, and keys of `conf/multirun.yaml`.
        config_dir: a folder with config groups of your own.
        jobs: most runs at the same time.
        retry: what to do with runs that failed before.
        dry_run: True to print the plan and run nothing.
        detach: True to submit the jobs that may begin, and to leave.

    Raises:
        ConfigError: a mistake in any run, told before the first starts.
        RunFailed: at least one run did not finish.
        Interrupted: it was told to stop; the same command continues.
    """
    if os.name != "posix":
        raise ConfigError("sweeps need Linux or macOS, whose processes can share a lock")
    if jobs < 1:
        raise ConfigError(f"-j {jobs}; allowed: 1 or more")
    own, of_runs = _divided(_with_file(overrides))
    of_launcher = _of_launcher(own)
    composed, _ = config.compose("multirun", own, config_dir)
    settings, of_jobs, search = composed["sweep"], composed["launcher"], None
    _check_launcher(settings, of_jobs, detach=detach, dry_run=dry_run)
    if settings.get("sampler") is None:
        sweep = plan(of_runs, settings, config_dir, write=not dry_run)
        print(f"{sweep.path}: {_counts(standing(sweep))}", flush=True)
    else:
        search = Search(of_runs, settings, config_dir)
        sweep = search.sweep
        print(f"{sweep.path}: {_counts(standing(sweep))}, {search.left} to be proposed", flush=True)
    if dry_run:
        for line in _commands(sweep, of_jobs["cpus"] if of_jobs else cores_of_each(jobs)):
            print(line)
        return sweep
    _check_open_jobs(sweep, of_jobs)
    save_launcher(sweep.path, of_launcher)
    submitter = Jobs(sweep.path, of_jobs, jobs) if of_jobs else None
    controller = Controller(
        sweep,
        jobs=jobs,
        launcher=submitter,
        retry=retry,
        minutes=settings["minutes"],
        search=search,
    )
    if detach and submitter is not None:
        now, before, later = controller.detach(submitter.submit)
        print(f"{now} jobs submitted, {before} are there from earlier, {later} wait for other runs")
        print("the same command without --detach collects them and submits the rest")
        return sweep
    ended = controller.run()
    if search is not None and (best := search.best()):
        print(f"best {settings['metric']}: {best[1]:.4f} by {best[0].command}")
    _say_failed(sweep, ended)
    return sweep


def _with_file(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with `sweep=FILE` replaced by what the file says.

    Raises:
        ConfigError: the file cannot be read.
    """
    found = []
    for text in overrides:
        key, _, value = text.partition("=")
        if key != "sweep" or not value.endswith((".yaml", ".yml")):
            found.append(text)
            continue
        try:
            content = yaml.safe_load(Path(value).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ConfigError(f"{text}: {one_line(error)}") from error
        if not isinstance(content, dict):
            raise ConfigError(f"{text}: the file holds no keys; write overrides: [seed=0,1]")
        if "base" in content:
            found.append(f"sweep={content.pop('base')}")
        found += [f"sweep.{key}={_as_override(item)}" for key, item in content.items()]
    return found


def _as_override(value: Any) -> str:
    """Return a value of a YAML file as it is typed after `key=`."""
    if isinstance(value, list):
        return "[" + ",".join(_as_override(item) for item in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "\\'") + "'"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _divided(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides of the sweep itself and those of its runs."""
    parts: tuple[list[str], list[str]] = [], []
    for text in overrides:
        group = text.lstrip("+~").partition("=")[0].partition(".")[0]
        parts[group not in OURS].append(text)
    return parts


def _of_launcher(own: Sequence[str]) -> list[str]:
    """Return the overrides of the launcher among those of the sweep.

    Raises:
        ConfigError: settings of jobs, and no launcher was chosen.
    """
    found = [text for text in own if text.lstrip("+~").startswith("launcher")]
    if found and not any(text.startswith("launcher=") for text in found):
        raise ConfigError(f"{found[0]} is a setting of jobs; type launcher=slurm, too")
    return found


def _check_launcher(settings: Config, of_jobs: Config, *, detach: bool, dry_run: bool) -> None:
    """Raise unless the launcher can do what is asked of it.

    Raises:
        ConfigError: says what to type instead.
    """
    if detach and not of_jobs:
        raise ConfigError("--detach leaves jobs behind, not processes; type launcher=slurm, too")
    if detach and of_jobs["cluster"] == "debug":
        raise ConfigError(
            "the jobs of launcher.cluster=debug run in this process; leave --detach out"
        )
    if detach and settings.get("sampler") is not None:
        raise ConfigError(
            "a search proposes runs by the results of others, so it has to stay; leave --detach out"
        )
    if of_jobs and settings["minutes"] is not None:
        raise ConfigError(
            f"sweep.minutes={settings['minutes']} would count the time in SLURM's queue; type "
            "launcher.minutes=N for the time limit of a job"
        )
    if of_jobs and not dry_run:
        slurm.check(of_jobs)


def _check_open_jobs(sweep: Sweep, of_jobs: Config) -> None:
    """Raise if a trial has a job of another launcher.

    Raises:
        ConfigError: names the launcher.
    """
    for number, known in attempts.open_jobs(sweep.path).items():
        if known.cluster != of_jobs.get("cluster") and not is_finished(sweep.trials[number]):
            name = "launcher=slurm" + f" launcher.cluster={known.cluster}" * (
                known.cluster != "slurm"
            )
            raise ConfigError(
                f"{Path(sweep.trials[number].folder).name} was submitted as job {known.job}, whose "
                f"end is not known yet; type {name}, too"
            )


def _counts(standing: Mapping[int, str]) -> str:
    """Return how many runs there are, and how they stand."""
    states = list(standing.values())
    return f"{len(states)} runs: {attempts.count(states)}" if states else "no run yet"


def standing(sweep: Sweep) -> dict[int, str]:
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


def _commands(sweep: Sweep, threads: int) -> list[str]:
    """Return the command of each run that is not finished, with its number of threads."""
    variables = [] if "OMP_NUM_THREADS" in os.environ else [f"OMP_NUM_THREADS={threads}"]
    states = standing(sweep)
    return [
        " ".join([*variables, trial.command])
        for trial in sweep.trials
        if states[trial.number] != "finished"
    ]


def _say_failed(sweep: Sweep, ended: dict[int, Attempt]) -> None:
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
    lines = [f"{sweep.path}: {_counts(states)}"]
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
