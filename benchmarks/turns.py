"""Processes that train one epoch at a time, in turn, and report its time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytorch_lightning as pl
from costs import resident_bytes

REPLIES = "MANYVIEWS_BENCHMARK_REPLIES"  # the file descriptor on which a contender replies


class Epoch(NamedTuple):
    """Time and memory of one epoch.

    Attributes:
        seconds: wall time of the epoch.
        resident: bytes of the process and its workers at the end of the epoch.
    """

    seconds: float
    resident: int


class Contender:
    """A training process that waits until it is told to train an epoch.

    Args:
        command: a script and its arguments; it calls `wait_for_turn` at the start of each epoch.
        environment: environment variables of the process.
        log: file for the output of the process.
    """

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        # A pipe besides stdout: libraries print there.
        reading, writing = os.pipe()
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[writing],
                env={**environment, REPLIES: str(writing)},
            )
        os.close(writing)
        self.log = log
        self.replies: IO[str] = os.fdopen(reading)
        self._reply()  # returns when the process is ready

    def epoch(self) -> Epoch:
        """Let the process train one epoch, and return what it took."""
        assert self.process.stdin
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        return Epoch(**self._reply())

    def _reply(self) -> dict[str, Any]:
        line = self.replies.readline()
        if not line:
            raise RuntimeError(f"a contender died:\n{self.log.read_text()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process: ask first, so that its workers and loggers end too, then kill it."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.replies.close()


class Turns(pl.Callback):
    """A callback in the process: it waits at the start of every epoch, and times the epoch."""

    def __init__(self) -> None:
        self.began: float | None = None

    def wait_for_turn(self) -> bool:
        """Report the last epoch, then wait; return False if no more epochs are wanted."""
        taken = {}
        if self.began is not None:
            seconds = time.perf_counter() - self.began
            taken = Epoch(seconds, resident_bytes())._asdict()
        os.write(int(os.environ[REPLIES]), (json.dumps(taken) + "\n").encode())
        more = bool(sys.stdin.readline())
        self.began = time.perf_counter()
        return more

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait after the checkpoint of the last epoch, before the loader makes a batch."""
        if not self.wait_for_turn():
            raise KeyboardInterrupt  # ends Lightning's loop as Ctrl-C does
