"""Trials as jobs of SLURM, which the library submitit submits.

The id of each job stands in attempts.jsonl, so that a controller that is begun again finds the
jobs of the one before. How a trial ended is read from the file that its job writes (`job.py`);
SLURM is only asked about jobs that might have been lost.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from manyviews.errors import ConfigError, RunFailed, one_line
from manyviews.schema import Config
from manyviews.sweeps import attempts
from manyviews.sweeps.launchers import job
from manyviews.sweeps.launchers.job import Job
from manyviews.sweeps.launchers.launcher import End
from manyviews.sweeps.plan import Trial

FOLDER = "jobs"  # of a sweep: what submitit writes
PAUSE = 2.0  # seconds between two looks at the files of jobs on a shared disk
ASK = 30.0  # seconds between two questions to SLURM
ASK_SOON = 2.0  # while a job is told to end
# Seconds after which a job is lost that is over, as SLURM says, and did not say how it ended: it
# might be queued again, and a shared disk shows files late.
SURE = 60.0
RESERVE = 0.8  # of the notice is for the trial to save; the rest is for the job to be queued again
COMMANDS = ("sbatch", "srun", "scancel", "squeue", "sacct")
# What SLURM says of a job that it may have lost, or may still queue again.
UNSURE = ("UNKNOWN", "PREEMPTED")


class Jobs:
    """Runs trials as jobs, each on one node.

    Args:
        sweep: folder of the sweep.
        settings: the keys of `conf/launcher/slurm.yaml`.
        parallel: most jobs of an array that run at the same time.
    """

    def __init__(self, sweep: Path, settings: Config, parallel: int) -> None:
        self.sweep, self.settings, self.cluster = sweep, settings, settings["cluster"]
        self.executor = _executor(sweep, settings, parallel)
        self.on_slurm = self.cluster == "slurm"
        self.pause = PAUSE if self.on_slurm else 0.0
        self.command: list[str] | None = None  # see `Job`
        self.begun: dict[int, Any] = {}  # submitit's jobs, by number of the trial
        self.told: set[int] = set()  # numbers of the trials that shall end
        self.killed: set[int] = set()
        self.asked = -ASK  # when SLURM was asked, in seconds of the monotonic clock
        self.over: dict[int, float] = {}  # since when SLURM says that the job of a trial is over

    @cached_property
    def open(self) -> dict[int, str]:
        """The ids of the jobs whose end is not recorded, by number of the trial."""
        return {number: known.job for number, known in attempts.open_jobs(self.sweep).items()}

    def start(self, trial: Trial, slot: int) -> str | None:
        """Submit the job of a trial; see `Launcher`."""
        if trial.number in self.open:
            return f"is job {self.open[trial.number]}"
        self.submit([trial])
        return None

    def submit(self, trials: Sequence[Trial]) -> None:
        """Submit a job for each trial, as one array if there are several.

        Raises:
            ConfigError: SLURM refuses the jobs.
            RunFailed: likewise, after it took others, which go on.
        """
        (self.sweep / "trials").mkdir(exist_ok=True)
        for trial in trials:
            job.code_file(self.sweep, trial.number).unlink(missing_ok=True)
            job.wish_file(self.sweep, trial.number).unlink(missing_ok=True)
        submitted = self._submitted(trials)
        for trial, one in zip(trials, submitted, strict=True):
            record: dict[str, Any] = {"trial": trial.number, "began": round(time.time(), 1)}
            if self.cluster != "debug":  # its jobs end with this process
                record |= {"job": one.job_id, "cluster": self.cluster}
            attempts.append(self.sweep, record)
            self.begun[trial.number], self.open[trial.number] = one, one.job_id

    def _submitted(self, trials: Sequence[Trial]) -> list[Any]:
        """Return submitit's jobs of some trials."""
        grace = RESERVE * self.settings["notice_seconds"]
        threads = self.settings["cpus"]
        made = [Job(self.sweep, t.number, grace, threads, self.command) for t in trials]
        from submitit.core.utils import FailedSubmissionError, UncompletedJobError

        # Ctrl-C in a terminal is for this process: it tells the jobs what to do.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return self.executor.submit_array(made) if made else []
        except (FailedSubmissionError, UncompletedJobError, OSError) as error:
            said = f"SLURM refuses the job of {Path(trials[0].folder).name}: {one_line(error)}"
            if not self.open:
                raise ConfigError(said) from error
            raise RunFailed(
                f"{said}; {len(self.open)} others go on, and the same command finds them"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def is_at_work(self, trial: Trial) -> bool:
        """Return True if a trial has a job whose end is not recorded."""
        return trial.number in self.open

    def end(self, trial: Trial) -> End | None:
        """Return how the job of a trial ended; None while it waits or works."""
        number = trial.number
        self._ask()
        since = self.over.get(number)
        said = job.read_code(self.sweep, number, self.open[number])
        if said is not None and (since is not None or self.on_slurm):
            found = self._end(said)
        elif number in self.killed and self.on_slurm:
            found = End(None, "killed", "cancelled by the sweep")
        elif said is None and since is not None and self.asked - since >= self._patience(number):
            found = self._lost(number)
        else:
            return None
        self.open.pop(number)
        self.begun.pop(number, None)
        self.over.pop(number, None)
        self.told.discard(number)
        self.killed.discard(number)
        return found

    def _patience(self, number: int) -> float:
        """Return the seconds after which a job that is over is lost."""
        return SURE if self.on_slurm and number not in self.told else 0.0

    def _end(self, said: job.Code) -> End:
        if not said.lost:
            return End(said.code, seconds=said.seconds)
        if "timed-out" not in said.lost:
            return End(None, "killed", said.lost, said.seconds)
        minutes, times = self.settings["minutes"], 1 + self.settings["requeue"]
        reason = f"it ran into its limit of {minutes} minutes, {times} times in all"
        return End(None, "timed out", reason, said.seconds)

    def _lost(self, number: int) -> End:
        """Return the end of a job that did not say how it ended."""
        state = _watcher().get_state(self.open[number], "cache") if self.on_slurm else "UNKNOWN"
        if state == "UNKNOWN":
            return End(None, "killed", f"job {self.open[number]} is gone")
        lost = "timed out" if state.startswith(("TIMEOUT", "DEADLINE")) else "killed"
        return End(None, lost, f"SLURM says {state} of job {self.open[number]}")

    def _ask(self) -> None:
        """Find out which jobs are over; SLURM is asked only now and then, for all at once."""
        now, every = time.monotonic(), ASK_SOON if self.told else ASK
        if self.on_slurm:
            if now - self.asked < every:
                return
            for number in self.open:
                self._job(number)  # the watcher asks for all jobs that it knows
            _watcher().update()
        self.asked = now
        self.over = {n: self.over.get(n, now) for n in self.open if self._is_over(n)}

    def _is_over(self, number: int) -> bool:
        """Return True if a job neither runs nor waits; SLURM counts a queued one as waiting."""
        known = self._job(number)
        if not self.on_slurm:
            return known.done() if number in self.begun else not _lives(int(known.job_id))
        if _watcher().get_state(known.job_id, mode="cache") in UNSURE:
            return not _is_listed(known.job_id)
        return _watcher().is_done(known.job_id, mode="cache")

    def _job(self, number: int) -> Any:
        """Return submitit's job of a trial."""
        import submitit

        if number in self.begun:
            return self.begun[number]
        kind = submitit.SlurmJob if self.on_slurm else submitit.LocalJob
        return kind(self.executor.folder, self.open[number])

    def tell(self, trial: Trial) -> None:
        """Tell the job of a trial to let it save and end; one that waits is cancelled."""
        job.write_wish(self.sweep, trial.number, "end")
        self.told.add(trial.number)
        if self.on_slurm:
            _scancel("--state=PENDING", self.open[trial.number])
            _scancel("--signal=TERM", self.open[trial.number])

    def kill(self, trial: Trial) -> None:
        """Let the job of a trial kill it, or SLURM the job."""
        if trial.number not in self.killed:
            job.write_wish(self.sweep, trial.number, "kill")
            self.killed.add(trial.number)
            if self.on_slurm:
                _scancel(self.open[trial.number])

    def abandon(self, trial: Trial) -> None:
        """Let the job go on; the same command finds it."""


def check(settings: Config) -> None:
    """Raise if jobs cannot be submitted with these settings.

    Args:
        settings: the keys of `conf/launcher/slurm.yaml`.

    Raises:
        ConfigError: submitit or a command of SLURM is missing; the notice is as long as the limit.
    """
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "launcher=slurm needs submitit; type pip install 'manyviews[sweep]'"
        ) from error
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if settings["cluster"] == "slurm" and missing:
        raise ConfigError(
            f"launcher=slurm needs SLURM, and there is no {missing[0]} on the PATH; type this "
            "command where jobs are submitted, or launcher.cluster=local to try it here"
        )
    if settings["notice_seconds"] >= 60 * settings["minutes"]:
        raise ConfigError(
            f"launcher.notice_seconds={settings['notice_seconds']} is not below the limit "
            f"launcher.minutes={settings['minutes']}"
        )


def _executor(sweep: Path, settings: Config, parallel: int) -> Any:
    """Return submitit's executor of jobs with these settings."""
    import submitit

    logging.getLogger("submitit").setLevel(logging.ERROR)  # it warns of each question without reply
    cluster = settings["cluster"]
    options = {"max_num_timeout": settings["requeue"], "python": settings["python"]}
    given = {} if cluster == "debug" else {f"{cluster}_{k}": v for k, v in options.items()}
    executor = submitit.AutoExecutor(sweep / FOLDER, cluster=cluster, **given)
    executor.update_parameters(
        name=sweep.name,
        nodes=1,
        tasks_per_node=1,
        timeout_min=settings["minutes"],
        gpus_per_node=settings["gpus"] or None,
        cpus_per_task=settings["cpus"],
        mem_gb=settings["memory_gb"],
        stderr_to_stdout=True,
        slurm_partition=settings["partition"],
        slurm_account=settings["account"],
        slurm_qos=settings["qos"],
        slurm_constraint=settings["constraint"],
        slurm_signal_delay_s=settings["notice_seconds"],
        slurm_setup=settings["setup"],
        local_setup=settings["setup"],
        slurm_array_parallelism=parallel,
        # Since SLURM 22.05 srun does not inherit it from sbatch.
        slurm_srun_args=[f"--cpus-per-task={settings['cpus']}"],
    )
    if cluster == "local":  # not among those that update_parameters takes
        executor.parameters["signal_delay_s"] = settings["notice_seconds"]
    return executor


def _watcher() -> Any:
    import submitit

    return submitit.SlurmJob.watcher


def _scancel(*words: str) -> None:
    """Cancel or signal a job; what is over already is no error."""
    subprocess.run(["scancel", *words], check=False, capture_output=True)


def _is_listed(job_id: str) -> bool:
    """Return True unless SLURM says that a job neither waits nor runs."""
    asked = ["squeue", "--noheader", "--format=%T", f"--jobs={job_id}"]
    said = subprocess.run(asked, check=False, capture_output=True, text=True)
    gone = "Invalid job id" in said.stderr if said.returncode else not said.stdout.strip()
    return not gone


def _lives(pid: int) -> bool:
    """Return True if a process of submitit's local executor lives."""
    try:
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        return not command.exists() or b"submitit" in command.read_bytes()
    except OSError:
        return False
