"""What Ctrl-C and a scheduler's SIGTERM do: the run saves behind the current step and ends well."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytorch_lightning as pl
import torch

from manyviews import distributed

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The run was told to stop, and has saved."""


class Stop(pl.Callback):
    """The first signal sets a flag; a second one does what it always did."""

    def __init__(self) -> None:
        self.flag = False
        self.before: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals, from Lightning too, whose SIGTERM breaks off in mid-step."""
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.getsignal(number) for number in SIGNALS}
            self.before[signal.SIGTERM] = signal.SIG_DFL  # here it is Lightning's
            for number in SIGNALS:
                signal.signal(number, self._ask)

    def _ask(self, number: int, frame: Any) -> None:
        self.flag = True
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def asked(self) -> bool:
        """Whether any rank got a signal; every rank asks at the same step."""
        return bool(distributed.maximum(torch.tensor(float(self.flag))))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What follows the training is not saved step by step."""
        self._give_back()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the signals as they were."""
        self._give_back()
