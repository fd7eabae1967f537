"""Let Ctrl-C and a scheduler's SIGTERM end a run cleanly: it saves after the current step."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytorch_lightning as pl
import torch

from manyviews import distributed

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The run was told to stop and has saved a checkpoint."""


class Stop(pl.Callback):
    """A callback that turns the first SIGINT or SIGTERM into a request to stop.

    `Checkpoint` reads the request, saves and raises `Stopped`. A second signal reaches the handler
    that was there before, so pressing Ctrl-C twice stops at once.
    """

    def __init__(self) -> None:
        self.flag = False  # True once this rank got a signal
        self.before: dict[signal.Signals, Any] = {}  # handlers to be restored

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers in place of Lightning's, whose SIGTERM stops in mid-step."""
        # Python allows signal handlers in the main thread only; a notebook may train in another.
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.getsignal(number) for number in SIGNALS}
            self.before[signal.SIGTERM] = signal.SIG_DFL  # getsignal gave Lightning's handler
            for number in SIGNALS:
                signal.signal(number, self._request)

    def _request(self, number: int, frame: Any) -> None:
        """Handle the first signal: note it, and leave the next one to the handlers before."""
        self.flag = True
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        """Put the handlers back that were there before training."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def requested(self) -> bool:
        """Return True if any rank got a signal; every rank must call this at the same step."""
        return bool(distributed.maximum(torch.tensor(float(self.flag))))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the handlers; after training there is no step to save after."""
        self._restore_handlers()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore the handlers when training fails or is stopped."""
        self._restore_handlers()
