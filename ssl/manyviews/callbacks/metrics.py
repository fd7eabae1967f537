"""Write the training metrics: means of every n steps in metrics.jsonl and on each logger."""

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
from manyviews.errors import ConfigError, NotFinite


class Metrics(pl.Callback):
    """A callback that writes the mean of every logged value over n steps and all ranks.

    Logged values stay on the device until a record is written, so that no step waits for the
    device. A checkpoint holds the sums since the last record, so a resumed run writes the same
    records as an uninterrupted one.

    Args:
        path: the metrics.jsonl to append to.
        every_n_steps: optimizer steps per record; the end of an epoch closes a record early.

    Attributes:
        latest: the last written value of each name.
        written_at: the step at which it was written.

    Raises:
        ConfigError: every_n_steps is below 1.
    """

    def __init__(self, path: Path, every_n_steps: int) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"trainer.log_every_n_steps={every_n_steps}; allowed: 1 or more")
        self.path = path
        self.every_n_steps = every_n_steps
        self.latest: dict[str, float] = {}
        self.written_at: dict[str, int] = {}
        self._reset()

    @staticmethod
    def of(trainer: pl.Trainer) -> Metrics:
        """Return the Metrics callback of this trainer."""
        callbacks: list[pl.Callback] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        return next(c for c in callbacks if isinstance(c, Metrics))

    def _reset(self) -> None:
        self.pending: list[tuple[int, dict[str, Tensor]]] = []  # (step, values on the device)
        self.sums: dict[str, float] = {}
        self.batches = self.images = 0  # of this rank
        self.first_bad = float("inf")  # first step whose loss was not finite
        self.seconds = self.waited = 0.0  # `waited`: the part of `seconds` for data and views

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; a run that resumes in mid-epoch gets no `on_train_epoch_start`."""
        self.device = pl_module.device
        self.last_end = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave out the time between epochs (kNN, checkpoint)."""
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave out the time since the last step, which was spent on something else."""
        self.last_end = time.perf_counter()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Count the time since the last step as time spent waiting for data and views."""
        self.waited += time.perf_counter() - self.last_end

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Keep the logged values of this batch, and write a record every n steps."""
        self.pending.append((trainer.global_step, outputs["logs"]))
        self.batches += 1
        self.images += len(batch.position)
        now = time.perf_counter()
        self.seconds += now - self.last_end
        self.last_end = now
        if trainer.global_step % self.every_n_steps == 0:
            self.flush(trainer)

    def _sum_pending(self) -> None:
        """Add the pending values to the sums, and note the first loss that is not finite."""
        if not self.pending:
            return
        values = [v for _, logs in self.pending for v in logs.values()]
        # One transfer from the device for all values of all steps.
        numbers = iter(torch.stack([v.to(self.device, torch.float64) for v in values]).tolist())
        for step, logs in self.pending:
            # strict=False: each step takes its share of one long iterator.
            here = dict(zip(logs, numbers, strict=False))
            for key, value in here.items():
                self.sums[key] = self.sums.get(key, 0.0) + value
            if not math.isfinite(here["train/loss"]):
                self.first_bad = min(self.first_bad, step)
        self.pending = []

    def check(self) -> None:
        """Raise unless all losses since the last record are finite, on every rank.

        Raises:
            NotFinite: a loss was NaN or infinite; the message names the first such step.
        """
        self._sum_pending()
        # The smallest step over ranks: all of them must raise, or the others would wait for it.
        first_bad = -float(distributed.maximum(-self._tensor(self.first_bad)))
        if first_bad < float("inf"):
            raise NotFinite(f"the loss is not finite at step {int(first_bad)}")

    def flush(self, trainer: pl.Trainer) -> None:
        """Write the means since the last record, if there was a batch since then.

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
        """Append values to metrics.jsonl under the trainer's step, and send them to each logger.

        Args:
            trainer: its step and epoch are written with the values; only rank 0 writes.
            record: values by name, such as `health/rank`.
        """
        self.latest |= record
        self.written_at |= dict.fromkeys(record, trainer.global_step)
        if not trainer.is_global_zero:
            return
        line = {"step": trainer.global_step, "epoch": trainer.current_epoch, **record}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for logger in trainer.loggers:
            logger.log_metrics(line, step=trainer.global_step)

    def at_step(self, trainer: pl.Trainer, key: str) -> float | None:
        """Return the value that was written at the trainer's current step, or None."""
        return self.latest[key] if self.written_at.get(key) == trainer.global_step else None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the record of the steps that are left at the end of the epoch."""
        self.flush(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the sums of every rank, gathered, because Lightning saves rank 0's state alone."""
        self._sum_pending()
        state: dict[str, Any] = {"batches": self.batches}
        if self.batches:
            state["images"] = self.images * distributed.world_size()
            state["seconds"], state["waited"] = self.seconds, self.waited
            state["names"] = list(self.sums)
            state["sums"] = distributed.gather(self._tensor([*self.sums.values()])[None])
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the sums of the open record."""
        self._reset()
        self.batches = state_dict["batches"]
        if self.batches:
            sums, ranks = state_dict["sums"], distributed.world_size()
            # On another number of ranks the shares are equal: the mean over ranks stays the same.
            row = sums[distributed.rank()] if len(sums) == ranks else sums.mean(0)
            self.sums = dict(zip(state_dict["names"], row.tolist(), strict=True))
            self.images = state_dict["images"] // ranks
            self.seconds, self.waited = state_dict["seconds"], state_dict["waited"]
