"""Run the trials of a sweep as processes of their own, some at a time, until all are done.

What is true stands in the run folders. Whether a process works on a trial is known by a lock on
`trials/<number>.lock` that the process inherits: it holds the lock until it ends, however it ends,
and whatever becomes of the controller. So a controller that is begun again finds those that still
work and waits for them.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from manyviews.errors import ConfigError, Interrupted, Terminated
from manyviews.hardware import usable_cores
from manyviews.runs import status
from manyviews.runs.durations import clock
from manyviews.sweeps import attempts
from manyviews.sweeps.attempts import Attempt, Ended
from manyviews.sweeps.plan import Sweep, Trial
from manyviews.sweeps.search import Search

POLL = 0.1  # seconds between two looks at the processes
GRACE = 30.0  # seconds that a trial has to save and end after it was told to
Retry = Literal["failed", "none"]


class Child(NamedTuple):
    """A process that works on a trial.

    Attributes:
        trial: the trial.
        process: the process; None if an earlier controller began it.
        lock: file whose lock it holds.
        began: when, in seconds of the monotonic clock.
        slot: its place among the processes that may run at the same time.
    """

    trial: Trial
    process: subprocess.Popen[bytes] | None
    lock: Path
    began: float
    slot: int


class Controller:
    """Runs a sweep.

    Args:
        sweep: the plan.
        jobs: most processes at the same time, at least 1.
        retry: what to do with trials that failed before: run them once more, or leave them. A
            mistake in the config is left in any case.
        minutes: longest time of a trial's process; None: any.
        search: proposes further trials of the sweep; None: it has only those that are planned.
        say: prints a line.
    """

    def __init__(
        self,
        sweep: Sweep,
        *,
        jobs: int = 1,
        retry: Retry = "failed",
        minutes: float | None = None,
        search: Search | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.sweep, self.jobs, self.retry, self.minutes, self.say = sweep, jobs, retry, minutes, say
        self.search = search
        self.command = [sys.executable, "-m", "manyviews", "sweep", "trial"]
        self.running: list[Child] = []
        self.waiting: list[Trial] = []
        self.told: dict[int, Ended] = {}  # why a trial was told to end
        self.since: dict[int, float] = {}  # and when, in seconds of the monotonic clock
        self.signals: list[int] = []  # that this process got

    def run(self) -> dict[int, Attempt]:
        """Run what is left, and return how every trial ended.

        Raises:
            ConfigError: another controller runs this sweep.
            Interrupted: it was told to stop with Ctrl-C; the trials have saved and ended.
            Terminated: likewise, with SIGTERM.
        """
        with self._alone(), self._signals_noted():
            self.waiting = self._left()
            try:
                while self.waiting or self.running or (self.search and self.search.left):
                    self._collect()
                    if self.signals:
                        self._stop()
                    self._begin()
                    time.sleep(POLL)
            except BaseException:
                self._kill_all()
                raise
        return self._ended()

    def _left(self) -> list[Trial]:
        """Return the trials that are to be run, those with a living process first among them."""
        before = attempts.last_of(self.sweep.path)
        left = []
        for trial in self.sweep.trials:
            if attempts.is_finished(trial):
                continue
            last = before.get(trial.number)
            if last is not None and last.state == "pruned":
                continue
            failed = last is not None and last.state in attempts.LOST
            hopeless = last is not None and last.code == attempts.CONFIG_ERROR
            if failed and (self.retry == "none" or hopeless):
                continue
            left.append(trial)
        return sorted(left, key=lambda trial: not self._is_locked(trial))

    def _lock_file(self, trial: Trial) -> Path:
        return self.sweep.path / "trials" / f"{trial.number}.lock"

    def _is_locked(self, trial: Trial) -> bool:
        """Return True if a process of this sweep works on the trial."""
        file = self._lock_file(trial)
        return file.exists() and not is_free(file)

    def _begin(self) -> None:
        """Begin as many of the waiting trials as there is room for, and ask for more of them."""
        while self.search and self.search.left and not self.signals:
            if len(self.waiting) + len(self.running) >= self.jobs:
                break
            self.waiting += self.search.propose()
            self._begin_waiting()
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        for trial in [*self.waiting]:
            if self.signals or len(self.running) >= self.jobs:
                return
            if attempts.is_finished(trial) or self._needs_in_vain(trial):  # done by another sweep
                self.waiting.remove(trial)
            elif self._may_begin(trial):
                self.waiting.remove(trial)
                self._start(trial)

    def _may_begin(self, trial: Trial) -> bool:
        """Return True if the trial that this one needs is finished, and nobody else trains it."""
        needed = trial.needs is None or attempts.is_finished(self.sweep.trials[trial.needs])
        return needed and (not _is_busy(trial) or self._is_locked(trial))

    def _needs_in_vain(self, trial: Trial) -> bool:
        """Return True, and record it, if the trial that this one needs will not finish."""
        if trial.needs is None:
            return False
        needed = self.sweep.trials[trial.needs]
        if attempts.is_finished(needed) or needed in self.waiting:
            return False
        if any(child.trial.number == needed.number for child in self.running):
            return False
        last = attempts.last_of(self.sweep.path).get(needed.number)
        if last is None or last.state == "finished":
            return False
        self._record(
            trial, "failed", f"trial {needed.number}, which it needs, {last.state}", 1, 0.0
        )
        return True

    def _start(self, trial: Trial) -> None:
        """Begin the process of a trial, or wait for one that an earlier controller began."""
        file = self._lock_file(trial)
        file.parent.mkdir(exist_ok=True)
        slot = min({*range(self.jobs)} - {child.slot for child in self.running})
        with file.open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say(f"{_name(trial)} is still running; waiting for it")
                self.running.append(Child(trial, None, file, time.monotonic(), slot))
                return
            process = self._spawn(trial, slot, lock.fileno())
        attempts.append(
            self.sweep.path,
            {"trial": trial.number, "pid": process.pid, "began": round(time.time(), 1)},
        )
        self.running.append(Child(trial, process, file, time.monotonic(), slot))

    def _spawn(self, trial: Trial, slot: int, lock: int) -> subprocess.Popen[bytes]:
        """Begin the process of a trial, in a session of its own, with its output in its log."""
        logs = self.sweep.path / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{trial.number}.log").open("ab") as log:
            return subprocess.Popen(
                [*self.command, str(self.sweep.path), str(trial.number)],
                env={**os.environ, **environment(slot, self.jobs)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock],
            )

    def _collect(self) -> None:
        """Take note of the processes that have ended, and end those that take too long."""
        for child in [*self.running]:
            number = child.trial.number
            took = time.monotonic() - child.began
            if not _has_ended(child):
                if (
                    self.minutes is not None
                    and took > 60 * self.minutes
                    and number not in self.told
                ):
                    self._tell(child, "timed out")
                if self.search and number not in self.told and self.search.should_end(child.trial):
                    self._tell(child, "pruned")
                if number in self.told and time.monotonic() - self.since[number] > GRACE:
                    _kill(self._pid(child))
                continue
            self.running.remove(child)
            self._note_end(child, took)

    def _note_end(self, child: Child, took: float) -> None:
        """Record how the process of a trial ended."""
        trial, told = child.trial, self.told.pop(child.trial.number, None)
        if child.process is not None:
            code = child.process.returncode
            _kill(child.process.pid)  # what it left behind of its process group
        elif attempts.is_finished(trial):
            code = 0
        else:  # its exit code is with the controller that began it
            code = 1
            known = status.read(Path(trial.folder))
            if told is None and (known is None or known.state == "training"):  # it was killed, too
                self.waiting.append(trial)
                return
        if code != 0 and told is None and _is_busy(trial):
            self.say(f"{_name(trial)} is trained by another process; waiting for it")
            self.waiting.append(trial)
            return
        log = self.sweep.path / "logs" / f"{trial.number}.log"
        state, reason = attempts.how_it_ended(trial, code, log, told)
        run = Path(trial.folder)
        if state in ("killed", "timed out", "pruned") and status.read(run) is not None:
            status.write(run, state=state, reason=reason)
        self._record(trial, state, reason, code, took)

    def _record(self, trial: Trial, state: Ended, reason: str, code: int, seconds: float) -> None:
        attempt = Attempt(trial.number, state, reason, code, round(seconds, 1))
        attempts.append(self.sweep.path, attempt._asdict())
        done = sum(map(attempts.is_finished, self.sweep.trials))
        why = f": {reason}" if reason else ""
        total = len(self.sweep.trials) + (self.search.left if self.search else 0)
        self.say(f"[{done}/{total}] {_name(trial)} {state}{why} ({clock(seconds)})")

    def _ended(self) -> dict[int, Attempt]:
        """Return how each trial ended; one whose run was finished already has no attempt here."""
        found = attempts.last_of(self.sweep.path)
        for trial in self.sweep.trials:
            if attempts.is_finished(trial):
                found[trial.number] = Attempt(trial.number, "finished", "", 0, 0.0)
        return found

    def _pid(self, child: Child) -> int | None:
        if child.process is not None:
            return child.process.pid
        return attempts.process_of(self.sweep.path, child.trial.number)

    def _tell(self, child: Child, why: Ended) -> None:
        """Tell a trial to save and end; its other processes hear it from the first one."""
        self.told[child.trial.number] = why
        self.since[child.trial.number] = time.monotonic()
        if (pid := self._pid(child)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _stop(self) -> None:
        """Tell all trials to save and end, wait for them, and end with the signal's own error.

        Raises:
            Interrupted: or Terminated, when no process is left.
        """
        number = self.signals[0]
        for child in self.running:
            self._tell(child, "stopped")
        while self.running:
            self._collect()
            if len(self.signals) > 1:
                self._kill_all()
            time.sleep(POLL)
        kind = Terminated if number == signal.SIGTERM else Interrupted
        raise kind(f"stopped; the same command continues {self.sweep.path}")

    def _kill_all(self) -> None:
        for child in self.running:
            _kill(self._pid(child))
            if child.process is not None:
                child.process.wait()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other controllers from this sweep.

        Raises:
            ConfigError: there is one.
        """
        try:
            with FileLock(self.sweep.path / ".lock", blocking=False):
                yield
        except Timeout as error:
            raise ConfigError(
                f"{self.sweep.path} is run by another process; wait for its end"
            ) from error

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        """Note SIGINT and SIGTERM instead of ending at once."""
        before = {
            number: signal.signal(number, lambda got, _: self.signals.append(got))
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def environment(slot: int, jobs: int) -> dict[str, str]:
    """Return the environment variables of a process: its share of the cores, and its GPUs.

    Args:
        slot: its place among the processes that run at the same time.
        jobs: number of such places.
    """
    found = {}
    if "OMP_NUM_THREADS" not in os.environ:
        found["OMP_NUM_THREADS"] = str(max(1, usable_cores() // jobs))
    gpus = _gpus()
    if gpus and jobs > 1:
        share = max(1, len(gpus) // jobs)
        first = slot * share % len(gpus)
        found["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[first : first + share])
    return found


def _gpus() -> list[str]:
    """Return the GPUs that this process may use."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def _has_ended(child: Child) -> bool:
    return is_free(child.lock) if child.process is None else child.process.poll() is not None


def is_free(file: Path) -> bool:
    """Return True if no process holds the lock of a file."""
    with file.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _is_busy(trial: Trial) -> bool:
    """Return True if a process trains in the run folder of a trial."""
    file = Path(trial.folder, ".lock")
    return file.exists() and not is_free(file)


def _kill(pid: int | None) -> None:
    """End what is left of the process group of a trial."""
    if pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _name(trial: Trial) -> str:
    return Path(trial.folder).name
