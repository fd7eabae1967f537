"""Values left on the device until a record of every n steps is written."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float64
from torch import Tensor

from manyviews import distributed
from manyviews.batch import Batch


class NotFinite(RuntimeError):
    """The loss became NaN or infinite; training stops, the last checkpoint stays."""


class Metrics(pl.Callback):
    """Means of the last n steps over all ranks, in metrics.jsonl and on every logger.

    No step waits for the device or computes on it: values stay there, as they are, until they are
    written. A checkpoint holds their sums, so that a resumed run writes the records that the
    uninterrupted one writes.

    Args:
        path: the metrics.jsonl to append to.
        every_n_steps: steps per record; an epoch's end closes a record early.
    """

    def __init__(self, path: Path, every_n_steps: int) -> None:
        self.path = path
        self.every_n_steps = every_n_steps
        self.latest: dict[str, float] = {}
        self.written_at: dict[str, int] = {}
        self._reset()

    @staticmethod
    def of(trainer: pl.Trainer) -> Metrics:
        """The one that this trainer carries."""
        callbacks: list[pl.Callback] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        return next(c for c in callbacks if isinstance(c, Metrics))

    def _reset(self) -> None:
        self.kept: list[tuple[int, dict[str, Tensor]]] = []  # step, its values
        self.sums: dict[str, float] = {}
        self.batches = self.images = 0
        self.first_bad = float("inf")
        self.seconds = self.waited = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure; a run that resumes in mid-epoch has no start of the epoch."""
        self.device = pl_module.device
        self.last_end = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not measure what lies between epochs."""
        self.last_end = time.perf_counter()

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
        """Keep; every n steps write."""
        self.kept.append((trainer.global_step, outputs["logs"]))
        self.batches += 1
        self.images += len(batch.position)
        now = time.perf_counter()
        self.seconds += now - self.last_end
        self.last_end = now
        if trainer.global_step % self.every_n_steps == 0:
            self.flush(trainer)

    def _add_up(self) -> None:
        """Add what was kept to the sums, and note the first loss that was not finite."""
        if not self.kept:
            return
        values = [v for _, logs in self.kept for v in logs.values()]
        rest = iter(torch.stack([v.to(self.device, torch.float64) for v in values]).tolist())
        for step, logs in self.kept:
            here = dict(zip(logs, rest, strict=False))
            for key, value in here.items():
                self.sums[key] = self.sums.get(key, 0.0) + value
            if not math.isfinite(here["train/loss"]):
                self.first_bad = min(self.first_bad, step)
        self.kept = []

    def check(self) -> None:
        """Look at the losses since the last record, on every rank.

        Raises:
            NotFinite: one of them was NaN or infinite.
        """
        self._add_up()
        first_bad = -float(distributed.maximum(-self._tensor(self.first_bad)))  # least of all ranks
        if first_bad < float("inf"):
            raise NotFinite(f"the loss is not finite at step {int(first_bad)}")

    def flush(self, trainer: pl.Trainer) -> None:
        """Write the means since the last record.

        Raises:
            NotFinite: a loss since then was NaN or infinite.
        """
        if not self.batches:
            return
        self.check()
        ranks = distributed.world_size()
        totals = distributed.total(self._tensor([*self.sums.values()]))
        means = (totals / (self.batches * ranks)).tolist()
        record = dict(zip(self.sums, means, strict=True))
        record["train/lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        record["train/throughput/images_per_s"] = self.images * ranks / self.seconds
        record["train/data_wait"] = self.waited / self.seconds
        self._reset()
        self.write(trainer, record)

    def _tensor(self, numbers: float | list[float]) -> Float64[Tensor, ...]:
        return torch.tensor(numbers, dtype=torch.float64, device=self.device)

    def write(self, trainer: pl.Trainer, record: dict[str, float]) -> None:
        """Append a record at the trainer's step."""
        self.latest |= record
        self.written_at |= dict.fromkeys(record, trainer.global_step)
        if not trainer.is_global_zero:
            return
        line = {"step": trainer.global_step, "epoch": trainer.current_epoch, **record}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        for logger in trainer.loggers:
            logger.log_metrics(line, step=trainer.global_step)

    def at_step(self, trainer: pl.Trainer, key: str) -> float | None:
        """The value that was written at the trainer's step, if one was."""
        return self.latest[key] if self.written_at.get(key) == trainer.global_step else None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what is left."""
        self.flush(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The sums of every rank; Lightning saves those of rank 0."""
        self._add_up()
        state: dict[str, Any] = {"batches": self.batches}
        if self.batches:
            state["images"] = self.images * distributed.world_size()
            state["seconds"], state["waited"] = self.seconds, self.waited
            state["names"] = list(self.sums)
            state["sums"] = distributed.gather(self._tensor([*self.sums.values()])[None])
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the open record; other ranks than those that saved share it equally."""
        self._reset()
        self.batches = state_dict["batches"]
        if self.batches:
            sums, ranks = state_dict["sums"], distributed.world_size()
            row = sums[distributed.rank()] if len(sums) == ranks else sums.mean(0)
            self.sums = dict(zip(state_dict["names"], row.tolist(), strict=True))
            self.images = state_dict["images"] // ranks
            self.seconds, self.waited = state_dict["seconds"], state_dict["waited"]
