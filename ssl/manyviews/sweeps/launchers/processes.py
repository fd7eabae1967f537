"""Trials as processes on this machine.

Whether a process works on a trial is known by a lock on `trials/<number>.lock` that the process
inherits: it holds the lock until it ends, however it ends, and whatever becomes of the controller.
So a controller that is begun again finds those that still work.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from manyviews.hardware import usable_cores
from manyviews.sweeps import attempts
from manyviews.sweeps.launchers.launcher import End
from manyviews.sweeps.plan import Trial


class Processes:
    """Runs trials as processes with a session of their own.

    Args:
        sweep: folder of the sweep.
        jobs: number of places for processes that run at the same time.
    """

    pause = 0.0

    def __init__(self, sweep: Path, jobs: int) -> None:
        self.sweep, self.jobs = sweep, jobs
        self.command = [sys.executable, "-m", "manyviews", "sweep", "trial"]
        self.begun: dict[int, subprocess.Popen[bytes]] = {}  # by number of the trial

    def start(self, trial: Trial, slot: int) -> str | None:
        """Begin the process of a trial; see `Launcher`."""
        file = self._lock_file(trial)
        file.parent.mkdir(exist_ok=True)
        with file.open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.begun.pop(trial.number, None)
                return "is still running"
            process = self._spawn(trial, slot, lock.fileno())
        self.begun[trial.number] = process
        attempts.append(
            self.sweep,
            {"trial": trial.number, "pid": process.pid, "began": round(time.time(), 1)},
        )
        return None

    def _spawn(self, trial: Trial, slot: int, lock: int) -> subprocess.Popen[bytes]:
        """Begin the process of a trial, in a session of its own, with its output in its log."""
        logs = self.sweep / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{trial.number}.log").open("ab") as log:
            return subprocess.Popen(
                [*self.command, str(self.sweep), str(trial.number)],
                env={**os.environ, **environment(slot, self.jobs)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock],
            )

    def _lock_file(self, trial: Trial) -> Path:
        return self.sweep / "trials" / f"{trial.number}.lock"

    def is_at_work(self, trial: Trial) -> bool:
        """Return True if a process of this sweep works on the trial."""
        file = self._lock_file(trial)
        return file.exists() and not is_free(file)

    def end(self, trial: Trial) -> End | None:
        """Return how the process of a trial ended; None while it works."""
        process = self.begun.get(trial.number)
        if process is None:  # its exit code is with the controller that began it
            return End(None) if is_free(self._lock_file(trial)) else None
        code = process.poll()
        if code is None:
            return None
        _kill(process.pid)  # what it left behind of its process group
        return End(code)

    def _pid(self, trial: Trial) -> int | None:
        process = self.begun.get(trial.number)
        return process.pid if process else attempts.process_of(self.sweep, trial.number)

    def tell(self, trial: Trial) -> None:
        """Send SIGTERM; the other processes of a trial hear it from the first one."""
        if (pid := self._pid(trial)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self, trial: Trial) -> None:
        """Send SIGKILL to all processes of a trial."""
        _kill(self._pid(trial))

    def abandon(self, trial: Trial) -> None:
        """Kill the processes of a trial, which nobody would watch, and wait for the first one."""
        self.kill(trial)
        if trial.number in self.begun:
            self.begun[trial.number].wait()


def environment(slot: int, jobs: int) -> dict[str, str]:
    """Return the environment variables of a process: its share of the cores, and its GPUs.

    Args:
        slot: its place among the processes that run at the same time.
        jobs: number of such places.
    """
    found = {}
    if "OMP_NUM_THREADS" not in os.environ:
        found["OMP_NUM_THREADS"] = str(cores_of_each(jobs))
    gpus = _gpus()
    if gpus and jobs > 1:
        share = max(1, len(gpus) // jobs)
        first = slot * share % len(gpus)
        found["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[first : first + share])
    return found


def cores_of_each(jobs: int) -> int:
    """Return the share of the cores of each of some processes that run at the same time."""
    return max(1, usable_cores() // jobs)


def _gpus() -> list[str]:
    """Return the GPUs that this process may use."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def is_free(file: Path) -> bool:
    """Return True if no process holds the lock of a file."""
    with file.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _kill(pid: int | None) -> None:
    """End what is left of the process group of a trial."""
    if pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
