"""Run the trials of a sweep, some at a time, until all are done.

What is true stands in the run folders. A launcher begins the trials, as processes here or as jobs
of a scheduler, and knows what still works on them, whatever became of the controller that began it.
So a controller that is begun again finds that and waits for it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from manyviews.errors import ConfigError, Interrupted, Terminated
from manyviews.runs import status
from manyviews.runs.durations import clock
from manyviews.sweeps import attempts
from manyviews.sweeps.attempts import Attempt, Ended
from manyviews.sweeps.launchers.launcher import End, Launcher
from manyviews.sweeps.launchers.processes import Processes, is_free
from manyviews.sweeps.plan import Sweep, Trial
from manyviews.sweeps.search import Search

POLL = 0.1  # seconds between two looks at what runs, at least
GRACE = 30.0  # seconds that a trial has to save and end after it was told to
Retry = Literal["failed", "none"]


def say_at_once(line: str) -> None:
    """Print a line, also into a log that is read while it grows."""
    print(line, flush=True)


class Running(NamedTuple):
    """A trial that runs.

    Attributes:
        trial: the trial.
        began: when, in seconds of the monotonic clock.
        slot: its place among those that may run at the same time.
    """

    trial: Trial
    began: float
    slot: int


class Controller:
    """Runs a sweep.

    Args:
        sweep: the plan.
        jobs: most trials at the same time, at least 1.
        launcher: runs the trials; None: as processes here.
        retry: what to do with trials that failed before: run them once more, or leave them. A
            mistake in the config is left in any case.
        minutes: longest time of a trial; None: any.
        search: proposes further trials of the sweep; None: it has only those that are planned.
        say: prints a line.
    """

    def __init__(
        self,
        sweep: Sweep,
        *,
        jobs: int = 1,
        launcher: Launcher | None = None,
        retry: Retry = "failed",
        minutes: float | None = None,
        search: Search | None = None,
        say: Callable[[str], None] = say_at_once,
    ) -> None:
        self.sweep, self.jobs, self.retry, self.minutes, self.say = sweep, jobs, retry, minutes, say
        self.search = search
        self.launcher: Launcher = launcher or Processes(sweep.path, jobs)
        self.running: list[Running] = []
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
                self._take_over()
                while self.waiting or self.running or (self.search and self.search.left):
                    self._collect()
                    if self.signals:
                        self._stop()
                    self._begin()
                    self._pause()
            except BaseException:
                for running in self.running:
                    self.launcher.abandon(running.trial)
                raise
        return self._ended()

    def detach(self, submit: Callable[[list[Trial]], None]) -> tuple[int, int, int]:
        """Submit what may begin now, and leave.

        Args:
            submit: submits some trials.

        Returns:
            How many trials were submitted, how many had been before, and how many wait for others.

        Raises:
            ConfigError: another controller runs this sweep.
        """
        with self._alone():
            left = self._left()
            there = [trial for trial in left if self.launcher.is_at_work(trial)]
            new = [trial for trial in left if trial not in there]
            now = [trial for trial in new if self._may_begin(trial)]
            submit(now)
        return len(now), len(there), len(new) - len(now)

    def _pause(self) -> None:
        time.sleep(max(POLL, self.launcher.pause))

    def _left(self) -> list[Trial]:
        """Return the trials that are to be run."""
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
            again = self.retry != "none" and not hopeless
            if failed and not again and not self.launcher.is_at_work(trial):
                continue
            left.append(trial)
        return left

    def _take_over(self) -> None:
        """Wait for the trials that an earlier controller began, however many they are."""
        for trial in [*self.waiting]:
            if self.launcher.is_at_work(trial):
                self.waiting.remove(trial)
                self._start(trial)

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
        return needed and (not _is_busy(trial) or self.launcher.is_at_work(trial))

    def _needs_in_vain(self, trial: Trial) -> bool:
        """Return True, and record it, if the trial that this one needs will not finish."""
        if trial.needs is None:
            return False
        needed = self.sweep.trials[trial.needs]
        if attempts.is_finished(needed) or needed in self.waiting:
            return False
        if any(running.trial.number == needed.number for running in self.running):
            return False
        last = attempts.last_of(self.sweep.path).get(needed.number)
        if last is None or last.state == "finished":
            return False
        self._record(
            trial, "failed", f"trial {needed.number}, which it needs, {last.state}", 1, 0.0
        )
        return True

    def _start(self, trial: Trial) -> None:
        """Begin a trial, or wait for what an earlier controller began."""
        slots = {*range(len(self.running) + 1)} - {running.slot for running in self.running}
        already = self.launcher.start(trial, min(slots))
        if already is not None:
            self.say(f"{_name(trial)} {already}; waiting for it")
        self.running.append(Running(trial, time.monotonic(), min(slots)))

    def _collect(self) -> None:
        """Take note of the trials that have ended, and end those that take too long."""
        for running in [*self.running]:
            trial, number = running.trial, running.trial.number
            took = time.monotonic() - running.began
            end = self.launcher.end(trial)
            if end is None:
                if (
                    self.minutes is not None
                    and took > 60 * self.minutes
                    and number not in self.told
                ):
                    self._tell(trial, "timed out")
                if self.search and number not in self.told and self.search.should_end(trial):
                    self._tell(trial, "pruned")
                if number in self.told and time.monotonic() - self.since[number] > GRACE:
                    self.launcher.kill(trial)
                continue
            self.running.remove(running)
            self._note_end(trial, end, took if end.seconds is None else end.seconds)

    def _note_end(self, trial: Trial, end: End, took: float) -> None:
        """Record how a trial ended."""
        told, code = self.told.pop(trial.number, None), end.code
        if code is None:
            code = 0 if attempts.is_finished(trial) else 1
            known = status.read(Path(trial.folder))
            untold = code != 0 and told is None and end.state is None
            if untold and (known is None or known.state == "training"):  # it was killed, too
                self.waiting.append(trial)
                return
        if code != 0 and told is None and _is_busy(trial):
            self.say(f"{_name(trial)} is trained by another process; waiting for it")
            self.waiting.append(trial)
            return
        log = self.sweep.path / "logs" / f"{trial.number}.log"
        state, reason = attempts.how_it_ended(trial, code, log, told)
        if code != 0 and told is None and end.state is not None:
            state, reason = end.state, end.reason
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

    def _tell(self, trial: Trial, why: Ended) -> None:
        """Tell a trial to save and end."""
        self.told[trial.number] = why
        self.since[trial.number] = time.monotonic()
        self.launcher.tell(trial)

    def _stop(self) -> None:
        """Tell all trials to save and end, wait for them, and end with the signal's own error.

        Raises:
            Interrupted: or Terminated, when nothing runs any more.
        """
        number = self.signals[0]
        for running in self.running:
            self._tell(running.trial, "stopped")
        while self.running:
            self._collect()
            if len(self.signals) > 1:
                for running in self.running:
                    self.launcher.kill(running.trial)
            self._pause()
        kind = Terminated if number == signal.SIGTERM else Interrupted
        raise kind(f"stopped; the same command continues {self.sweep.path}")

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


def _is_busy(trial: Trial) -> bool:
    """Return True if a process trains in the run folder of a trial."""
    file = Path(trial.folder, ".lock")
    return file.exists() and not is_free(file)


def _name(trial: Trial) -> str:
    return Path(trial.folder).name
