"""Running sums on the device, written as one record every n steps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from manyviews import distributed
from manyviews.batch import Batch


class NotFinite(RuntimeError):
    """The loss became NaN or infinite; training stops, the last checkpoint stays."""


class Metrics(pl.Callback):
    """Means of the last n steps over all ranks, in metrics.jsonl and on every logger.

    No step waits for the device: sums stay there until they are written.

    Args:
        path: the metrics.jsonl to append to.
        every_n_steps: steps per record; an epoch's end closes a record early.
    """

    def __init__(self, path: Path, every_n_steps: int) -> None:
        self.path = path
        self.every_n_steps = every_n_steps
        self.latest: dict[str, float] = {}
        self._reset()

    @staticmethod
    def of(trainer: pl.Trainer) -> Metrics:
        """The one that this trainer carries."""
        callbacks: list[pl.Callback] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        return next(c for c in callbacks if isinstance(c, Metrics))

    def _reset(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.batches = self.images = 0
        self.first_bad: Tensor | None = None
        self.began = self.last_end = time.perf_counter()
        self.waited = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not count what lies between epochs."""
        self._reset()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Time since the last step went into data and views."""
        self.waited += time.perf_counter() - self.last_end

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Add up; every n steps write."""
        logs: dict[str, Tensor] = outputs["logs"]
        for key, value in logs.items():
            self.sums[key] = self.sums[key] + value if key in self.sums else value.clone()
        self._watch(logs["train/loss"], trainer.global_step)
        self.batches += 1
        self.images += len(batch.position)
        self.last_end = time.perf_counter()
        if trainer.global_step % self.every_n_steps == 0:
            self.flush(trainer)

    def _watch(self, loss: Tensor, step: int) -> None:
        """Remember on the device the first step whose loss was not finite."""
        never = torch.full_like(loss, float("inf"))
        here = torch.where(loss.isfinite(), never, float(step))
        self.first_bad = here if self.first_bad is None else torch.minimum(self.first_bad, here)

    def flush(self, trainer: pl.Trainer) -> None:
        """Write the means since the last record.

        Raises:
            NotFinite: a loss since then was NaN or infinite.
        """
        if not self.batches:
            return
        assert self.first_bad is not None
        first_bad = -float(distributed.largest(-self.first_bad))  # the smallest over ranks
        if first_bad < float("inf"):
            raise NotFinite(f"the loss is not finite at step {int(first_bad)}")
        seconds, ranks = time.perf_counter() - self.began, distributed.world_size()
        totals = distributed.total(torch.stack([v.double() for v in self.sums.values()]))
        means = (totals / (self.batches * ranks)).tolist()
        record = dict(zip(self.sums, means, strict=True))
        record["train/lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        record["train/throughput/images_per_s"] = self.images * ranks / seconds
        record["train/data_wait"] = self.waited / seconds
        self._reset()
        self.write(trainer, record)

    def write(self, trainer: pl.Trainer, record: dict[str, float]) -> None:
        """Append a record at the trainer's step."""
        self.latest |= record
        if not trainer.is_global_zero:
            return
        line = {"step": trainer.global_step, "epoch": trainer.current_epoch, **record}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        for logger in trainer.loggers:
            logger.log_metrics(line, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is left, so that no record spans a checkpoint."""
        self.flush(trainer)
