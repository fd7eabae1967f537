"""Let Ctrl-C and a scheduler's SIGTERM end a run cleanly: it saves after the current step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytorch_lightning as pl
import torch

from manyviews import distributed
from manyviews.errors import Interrupted, Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The run was told to stop and has saved a checkpoint.

    Attributes:
        kind: the error that the run ends with.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"told to stop by signal {number}")
        self.kind = Terminated if number == signal.SIGTERM else Interrupted


class Stop(pl.Callback):
    """A callback that turns the first SIGINT or SIGTERM into a request to stop.

    `Checkpoint` reads the request, saves and raises `Stopped`. A second signal raises at once, so
    pressing Ctrl-C twice stops in mid-step.
    """

    def __init__(self) -> None:
        self.number = 0  # of the signal that this rank got
        self.before: dict[signal.Signals, Any] = {}  # handlers to be restored

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers in place of Lightning's, whose SIGTERM stops in mid-step."""
        if _signals_reach_us():
            self.before = {number: signal.getsignal(number) for number in SIGNALS}
            self.before[signal.SIGTERM] = _terminate  # getsignal gave Lightning's handler
            for number in SIGNALS:
                signal.signal(number, self._request)

    def _request(self, number: int, frame: Any) -> None:
        """Handle the first signal: note it, and leave the next one to the handlers before."""
        self.number = number
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        """Put the handlers back that were there before training."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def requested(self) -> int:
        """Return the signal that any rank got, or 0; every rank must call this at the same step."""
        return int(distributed.maximum(torch.tensor(float(self.number))))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the handlers; after training there is no step to save after."""
        self._restore_handlers()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore the handlers when training fails or is stopped."""
        self._restore_handlers()


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` outside the training, too, so that a run's files are closed.

    A handler that the importing program installed stays.
    """
    ours = _signals_reach_us() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: Any) -> NoReturn:
    raise Terminated("stopped by SIGTERM")


def _signals_reach_us() -> bool:
    """Return True in the main thread, the only one that may have handlers; notebooks use others."""
    return threading.current_thread() is threading.main_thread()
