"""status.json: where a run stands, readable without its checkpoint.

    {"state": "training", "reason": "", "step": 1950, "epochs": 12, "sha256": "5d41...",
     "pid": 4711, "heartbeat": 1764300000.0}

`step`, `epochs` and `sha256` describe the last checkpoint; `sha256` is the checksum at the end of
that file, so that it is known whether the two belong together.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from manyviews import checkpoints
from manyviews.checkpoints import Saved
from manyviews.errors import Interrupted, Terminated, one_line
from manyviews.runs.files import read_object, write_json

# training: a process trains, or died while it did (see heartbeat); stopped: by Ctrl-C or
# SIGTERM; failed: an error; trained: all epochs are done; finished: evaluated, the report is there.
# A sweep writes, once the process has ended: killed, by a signal that nobody can catch; timed out,
# after the longest time that a trial may take; pruned, because others were better.
State = Literal[
    "training", "stopped", "failed", "trained", "finished", "killed", "timed out", "pruned"
]
BEAT = 30.0  # seconds between two heartbeats


class Status(NamedTuple):
    """The content of status.json.

    Attributes:
        state: see `State`.
        reason: why it stopped or failed, in one line.
        step: optimizer steps in the last checkpoint.
        epochs: whole epochs in the last checkpoint.
        sha256: checksum of the last checkpoint; "" before the first.
        pid: process that wrote this.
        heartbeat: when that process last showed that it is alive, in seconds since 1970.
        seconds: time of all processes that worked on the run and ended by themselves.
        memory: most memory that one of them held, in GB (of the CPU).
        processor: processor time of these processes, in seconds; all threads together.
    """

    state: State = "training"
    reason: str = ""
    step: int = 0
    epochs: int = 0
    sha256: str = ""
    pid: int = 0
    heartbeat: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0
    processor: float = 0.0


def read(run: Path) -> Status | None:
    """Return the status of a run folder; None if there is none that can be read."""
    try:
        content = read_object(run / "status.json")
        found = Status(**content) if content is not None else None
    except (OSError, TypeError):
        return None
    return found if found and _has_its_types(found) else None


def _has_its_types(found: Status) -> bool:
    """Return True if every value is of the type that `write` gives it."""
    pairs = zip(found, Status(), strict=True)
    return all(isinstance(value, type(default)) for value, default in pairs)


def write(run: Path, **changes: Any) -> None:
    """Change some values of a run's status; process and heartbeat are always those of now.

    If the disk refuses, the status stays as it was: the checkpoint's checksum then tells that it is
    out of date, and a full disk is reported by what has to be saved.
    """
    before = read(run) or Status()
    alive = {"pid": os.getpid(), "heartbeat": round(time.time(), 1)}
    with suppress(OSError):
        write_json(run / "status.json", before._replace(**changes, **alive)._asdict())


def write_saved(run: Path, saved: Saved) -> None:
    """Record which checkpoint is the last one, so that it need not be read to know its step."""
    sha256 = checkpoints.digest(saved.path) or ""
    write(run, step=saved.step, epochs=saved.epochs, sha256=sha256)


@contextmanager
def recorded(run: Path) -> Iterator[None]:
    """Record that this process works on the run, and how that ends if it fails or is stopped."""
    before, began, used = read(run) or Status(), time.monotonic(), time.process_time()
    write(run, state="training", reason="")
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        write(run, state="stopped", reason="SIGTERM" if isinstance(error, Terminated) else "Ctrl-C")
        raise
    except BaseException as error:
        write(run, state="failed", reason=one_line(f"{type(error).__name__}: {error}"))
        raise
    finally:
        seconds = round(before.seconds + time.monotonic() - began, 1)
        processor = round(before.processor + time.process_time() - used, 1)
        most = max(before.memory, _most_memory())
        write(run, seconds=seconds, processor=processor, memory=most)


def _most_memory() -> float:
    """Return the most memory that this process has held, in GB; 0 where nobody knows it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1e9 if sys.platform == "darwin" else 1e6), 2)  # bytes on macOS, else kB
