"""attempts.jsonl of a sweep: when the process of each trial began, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from manyviews.runs import status
from manyviews.runs.files import read_records
from manyviews.sweeps.plan import Trial

FILE = "attempts.jsonl"
LAST = 4096  # bytes at the end of a log in which its last line is looked for
CONFIG_ERROR = 2  # exit code of a mistake in the config or its data

Ended = Literal["finished", "failed", "stopped", "killed", "timed out", "pruned"]
LOST = ("failed", "killed", "timed out")  # of a run that is tried once more


class Attempt(NamedTuple):
    """A process that worked on a trial, and how it ended.

    Attributes:
        trial: number of the trial.
        state: how it ended.
        reason: why it did not finish, in one line.
        code: exit code of the process; minus the number of the signal that ended it.
        seconds: how long it took.
    """

    trial: int
    state: Ended
    reason: str
    code: int
    seconds: float


class OpenJob(NamedTuple):
    """A job of a scheduler whose end is not recorded.

    Attributes:
        job: its id.
        cluster: the scheduler, as `launcher.cluster` names it.
        began: when it was submitted, in seconds since 1970.
    """

    job: str
    cluster: str
    began: float


def append(sweep: Path, record: dict[str, Any]) -> None:
    """Append a record to the file of a sweep folder."""
    with (sweep / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read(sweep: Path) -> list[dict[str, Any]]:
    """Return all records; a last line that a kill has torn is left out."""
    return [*read_records(sweep / FILE)]


def last_of(sweep: Path) -> dict[int, Attempt]:
    """Return the last attempt of every trial that has ended at least once."""
    ended = (record for record in read(sweep) if "state" in record)
    return {r["trial"]: Attempt(**{key: r[key] for key in Attempt._fields}) for r in ended}


def process_of(sweep: Path, trial: int) -> int | None:
    """Return the process that was begun last for a trial."""
    begun = [r["pid"] for r in read(sweep) if r["trial"] == trial and "pid" in r]
    return begun[-1] if begun else None


def open_jobs(sweep: Path) -> dict[int, OpenJob]:
    """Return the jobs whose end is not recorded, by number of the trial."""
    found: dict[int, OpenJob] = {}
    for record in read(sweep):
        if "job" in record:
            found[record["trial"]] = OpenJob(record["job"], record["cluster"], record["began"])
        elif "state" in record:
            found.pop(record["trial"], None)
    return found


def how_it_ended(trial: Trial, code: int, log: Path, told: Ended | None) -> tuple[Ended, str]:
    """Return the state in which a process left a trial, and the reason in one line.

    Args:
        trial: the trial.
        code: exit code of its process.
        log: what the process printed.
        told: why the sweep told it to end; None if it ended by itself.
    """
    if code == 0:
        return "finished", ""
    if told is not None:
        return told, "told to end by the sweep"
    if code < 0:
        return "killed", f"killed by {_signal(-code)}" + ", perhaps for want of memory" * (
            code == -9
        )
    return "failed", _reason(trial, log) or f"exit code {code}"


def _signal(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _reason(trial: Trial, log: Path) -> str:
    """Return the last line that a process printed; that is where errors are told."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    said = [line.strip() for line in lines if line.strip()]
    known = status.read(Path(trial.folder))
    stated = known.reason if known is not None and known.state == "failed" else ""
    return (said[-1].removeprefix("manyviews: ") if said else stated)[:300]


def is_finished(trial: Trial) -> bool:
    """Return True if the run of a trial is trained and evaluated."""
    known = status.read(Path(trial.folder))
    return known is not None and known.state == "finished"


def count(states: Sequence[str]) -> str:
    """Return how many there are of each state, as "3 finished, 1 failed"."""
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
