"""The command `manyviews pretrain -m`: plan a sweep, run what is left of it, say how it ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from manyviews.errors import ConfigError
from manyviews.schema import Config
from manyviews.sweeps import attempts, request
from manyviews.sweeps.attempts import is_finished
from manyviews.sweeps.boards import leaderboard, spread
from manyviews.sweeps.controller import Controller, Retry
from manyviews.sweeps.launchers import slurm
from manyviews.sweeps.launchers.processes import cores_of_each
from manyviews.sweeps.launchers.slurm import Jobs
from manyviews.sweeps.plan import Sweep, load, plan, save_launcher
from manyviews.sweeps.search import Search
from manyviews.sweeps.standing import counts, left, say_failed, states_of

GROUP = "WANDB_RUN_GROUP"  # W&B's own variable for the group of a run


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
    check_jobs(jobs)
    asked = request.read(overrides, config_dir)
    settings, of_jobs, search = asked.sweep, asked.launcher, None
    _check_launcher(settings, of_jobs, detach=detach, dry_run=dry_run)
    if settings.get("sampler") is None:
        sweep = plan(asked.of_runs, settings, config_dir, write=not dry_run)
    else:
        search = Search(asked.of_runs, settings, config_dir)
        sweep = search.sweep
    states, proposed = states_of(sweep), search.left if search else 0
    more = f", {proposed} to be proposed" if search else ""
    print(f"{sweep.path}: {counts(states)}{more}", flush=True)
    if dry_run:
        threads = of_jobs["cpus"] if of_jobs else cores_of_each(jobs)
        print("\n".join(left(sweep, states, jobs, threads, proposed)))
        return sweep
    _check_open_jobs(sweep, of_jobs)
    save_launcher(sweep.path, asked.of_launcher)
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
    if settings["report"] and "finished" in states_of(sweep).values():
        board = leaderboard.leaderboard([str(sweep.path)])
        spread.show(board, **settings["report"])
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


def run_trial(folder: str, number: str) -> Path:
    """Train one trial of a sweep in this process, and return its run folder.

    W&B shows the runs of a sweep as a group, unless another one is asked for.

    Raises:
        ConfigError: there is no such trial; and whatever a run raises.
    """
    sweep = load(Path(folder))
    if not number.isdecimal() or int(number) >= len(sweep.trials):
        raise ConfigError(f"{folder} has no trial {number}; it has 0 to {len(sweep.trials) - 1}")
    os.environ.setdefault(GROUP, sweep.path.name)
    from manyviews import train

    return train.pretrain_planned(sweep.trials[int(number)].stage).path
