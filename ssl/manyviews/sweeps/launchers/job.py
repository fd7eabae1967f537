"""The work on one trial inside a job of a scheduler, which submitit begins and may queue again.

The trial is a process in a session of its own. This one only watches it, writes how it ended into
`trials/<number>.code`, and reads in `trials/<number>.wish` whether the sweep wants it to end. So
what is true about a trial never depends on what submitit pickles.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from manyviews import launch_variables
from manyviews.errors import one_line
from manyviews.runs.files import read_object, write_json

POLL = 0.2  # seconds between two looks at the process and at the wish of the sweep
STOPPED = 143  # exit code of a trial that is told to end before it begins
# Seconds in which the scheduler ends a job that it told to end, perhaps to queue it again.
PATIENCE = 300.0
# Variables of the scheduler, by which Lightning would wait for processes that nobody begins.
SCHEDULER = ("SLURM_", "SUBMITIT_")
OF_LIMIT = (signal.SIGUSR1, signal.SIGUSR2)  # submitit hears one of them before the limit

Wish = Literal["end", "kill"]


class Code(NamedTuple):
    """How the process of a trial ended in a job.

    Attributes:
        job: the job, by its id.
        code: exit code; minus the number of the signal that ended it; None if nobody knows it.
        lost: why the job did not see the end of the trial; "" if it did.
        seconds: how long the trial was worked on, in all starts of the job.
    """

    job: str
    code: int | None
    lost: str = ""
    seconds: float = 0.0


def code_file(sweep: Path, trial: int) -> Path:
    """Return the file in which a job says how a trial ended."""
    return sweep / "trials" / f"{trial}.code"


def wish_file(sweep: Path, trial: int) -> Path:
    """Return the file in which the sweep says that a trial shall end."""
    return sweep / "trials" / f"{trial}.wish"


def read_code(sweep: Path, trial: int, job: str) -> Code | None:
    """Return how a trial ended in this job; None while that is not known."""
    content = read_object(code_file(sweep, trial))
    return Code(**content) if content is not None and content.get("job") == job else None


def write_wish(sweep: Path, trial: int, wish: Wish) -> None:
    """Tell the job of a trial what it shall do."""
    write_json(wish_file(sweep, trial), {"wish": wish})


class Job:
    """The work on a trial, which submitit pickles and calls in the job.

    Args:
        sweep: folder of the sweep.
        trial: number of the trial.
        grace: seconds that the trial has to save and end before its job runs into its limit.
        threads: threads of the trial, unless the user chose a number; None: any.
        command: runs a trial; its arguments are the sweep and the trial. None: this Python's
            `manyviews`.
        seconds: how long earlier starts of this job have worked.
    """

    def __init__(
        self,
        sweep: Path,
        trial: int,
        grace: float,
        threads: int | None = None,
        command: list[str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.sweep, self.trial, self.grace = sweep.absolute(), trial, grace
        self.folder = Path.cwd()  # run folders may be relative to it
        self.threads, self.command, self.seconds = threads, command, seconds
        self.child: subprocess.Popen[bytes] | None = None
        self.began = 0.0
        self.told = False  # that it shall end
        self.sent = False  # and whether the trial knows it

    def __call__(self) -> None:
        """Run the trial until it ends, and write how it ended."""
        self.began = time.monotonic()
        if read_code(self.sweep, self.trial, _job_id()):  # it was queued again after its end
            return
        with self._signals_heard():
            try:
                code = STOPPED if self._wish() else self._watched()
            except Exception as error:  # submitit does not queue the job again
                self._kill()
                self._write(None, one_line(error))
                raise
        self._write(code)

    def checkpoint(self) -> Any:
        """Let the trial save and end, and return what the job does when it runs again.

        submitit calls this inside the handler of a signal, shortly before the limit of the job.
        """
        from submitit.helpers import DelayedSubmission

        self.told, end = True, time.monotonic() + self.grace
        child = self.child
        while child is not None and self._step(child) is None:
            if time.monotonic() > end:
                self._kill()
            time.sleep(POLL)
        self._kill()  # what it left behind
        again = Job(self.sweep, self.trial, self.grace, self.threads, self.command, self._seconds())
        again.folder = self.folder
        return DelayedSubmission(again)

    def _watched(self) -> int:
        """Begin the trial and return its exit code."""
        with _undisturbed():  # a signal between the two would leave a process that nobody knows
            self.child = child = self._spawn()
        while (code := self._step(child)) is None:
            time.sleep(POLL)
        self._kill()  # what it left behind of its process group
        if code != 0 and self.told and not self._wish() and "SLURM_JOB_ID" in os.environ:
            self._wait_for_the_scheduler()
        return code

    def _step(self, child: subprocess.Popen[bytes]) -> int | None:
        """Pass on what the trial is told, and return its exit code; None while it works."""
        with _undisturbed():  # a handler that polls inside poll() would never see an end
            code = child.poll()
        if code is not None:
            return code
        wish = self._wish()
        if wish == "kill":
            self._kill()
        elif (wish or self.told) and not self.sent:
            self.sent = True
            child.terminate()
        return None

    def _wait_for_the_scheduler(self) -> None:
        """Leave it to the scheduler to end a job that it told to end, or to queue it again.

        A job that ends by itself would not be queued again.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not self._wish():
            time.sleep(POLL)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self.command or [sys.executable, "-m", "manyviews", "sweep", "trial"]
        log = self.sweep / "logs" / f"{self.trial}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            return subprocess.Popen(
                [*command, str(self.sweep), str(self.trial)],
                env=environment(self.threads),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_hear_the_sweep_only,
            )

    def _kill(self) -> None:
        if self.child is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def _wish(self) -> Wish | None:
        with suppress(OSError):  # a shared disk may be away for a while
            if (content := read_object(wish_file(self.sweep, self.trial))) is not None:
                return content["wish"]
        return None

    def _seconds(self) -> float:
        return round(self.seconds + time.monotonic() - self.began, 1)

    def _write(self, code: int | None, lost: str = "") -> None:
        said = Code(_job_id(), code, lost, self._seconds())
        write_json(code_file(self.sweep, self.trial), said._asdict())

    @contextmanager
    def _signals_heard(self) -> Iterator[None]:
        """Note SIGTERM, which a scheduler sends before it ends a job, and Ctrl-C."""

        def hear(number: int, frame: Any) -> None:
            self.told = True
            if callable(handler := before[number]):
                handler(number, frame)

        numbers = (signal.SIGTERM, signal.SIGINT)
        before: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number in numbers:
                signal.signal(number, before[number])


def environment(threads: int | None) -> dict[str, str]:
    """Return the environment of a trial: that of the job without what the scheduler put there.

    So Lightning begins its own processes on the one node of the job, and leaves it to submitit to
    queue the job again.

    Args:
        threads: threads of the trial, unless the user chose a number; None: any.
    """
    theirs = (*launch_variables.READ, launch_variables.FOLDER)
    found = {
        name: value
        for name, value in os.environ.items()
        if name not in theirs and not name.startswith(SCHEDULER)
    }
    if threads is not None:
        found.setdefault("OMP_NUM_THREADS", str(threads))
    return found


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the handlers of signals from running in between."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, *OF_LIMIT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear_the_sweep_only() -> None:
    """Let a trial hear SIGTERM, and not the signal that tells the job of its limit."""
    for number in OF_LIMIT:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _job_id() -> str:
    from submitit import JobEnvironment

    return JobEnvironment().job_id
