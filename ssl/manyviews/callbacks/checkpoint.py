"""Save checkpoints every n steps, at the end of each epoch, and when the run is told to stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint as LastCallback

from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import ONLINE
from manyviews.callbacks.stop import Stop, Stopped
from manyviews.checkpoints import BEST, LAST, Saved
from manyviews.errors import NotFinite
from manyviews.evaluation.measures.label_free import merit
from manyviews.runs import status


class Checkpoint(LastCallback):
    """A callback that writes last.ckpt, and best.ckpt whenever a metric reaches a new best.

    It saves only after whole optimizer steps, and only finite weights and losses. Lightning runs
    subclasses of its own `Checkpoint` after all other callbacks, so the file holds their state
    after this step.

    Args:
        run: the run folder; the files lie in its `checkpoints/`.
        every_n_steps: optimizer steps between two saves within an epoch.
        stop: the callback that knows whether the run was told to stop.
        metric: name of the metric that best.ckpt follows; see `merit` for what is better. It is
            read at the end of each epoch at which it was logged.

    Raises:
        Stopped: after saving, if the run was told to stop.
        NotFinite: instead of saving, if a loss or a weight is NaN or infinite.
    """

    def __init__(self, run: Path, every_n_steps: int, stop: Stop, metric: str = ONLINE) -> None:
        self.run, self.every_n_steps, self.stop = run, every_n_steps, stop
        self.metric = metric
        self.folder = run / "checkpoints"
        self.last_beat = 0.0
        self.best = float("-inf")  # merit of best.ckpt

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say at once if no callback logs the metric that best.ckpt should follow."""
        online = self.metric.startswith("online/") and self.metric != ONLINE
        if online and self.metric not in _promised(trainer) and trainer.is_global_zero:
            print(
                f"note: no callback logs best={self.metric}, so there will be no best.ckpt; "
                "type callbacks.online_label_free.every_n_epochs=10, or another name"
            )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save in mid-epoch, if a save is due or the run was told to stop."""
        self._show_alive(trainer)
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not whole_step or trainer.is_last_batch:  # on_train_epoch_end saves after the last batch
            return
        stopping = self.stop.requested()
        if stopping or trainer.global_step % self.every_n_steps == 0:
            self._save(trainer, LAST)
        if stopping:
            raise Stopped(stopping)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save last.ckpt, and best.ckpt if the metric of this epoch is the best so far."""
        # Only rank 0 computes online scores, but all ranks take part in a save.
        value = trainer.strategy.broadcast(Metrics.of(trainer).at_step(trainer, self.metric))
        if value is not None and merit(self.metric, value) > self.best:
            self.best = merit(self.metric, value)
            self._save(trainer, BEST)
        self._save(trainer, LAST)
        if stopping := self.stop.requested():
            raise Stopped(stopping)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say if there is no best.ckpt because its metric was never logged."""
        without = self.metric == ONLINE and ONLINE not in _promised(trainer)  # nobody asked for it
        if self.best > float("-inf") or without or not trainer.is_global_zero:
            return
        logged = ", ".join(sorted(Metrics.of(trainer).latest))
        print(
            f"note: there is no best.ckpt, because best={self.metric} was never logged at the end "
            f"of an epoch; logged were: {logged}"
        )

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        Metrics.of(trainer).check()
        _check_finite(trainer)
        trainer.save_checkpoint(self.folder / name)  # on every rank; rank 0 writes
        if name == LAST and trainer.is_global_zero:
            saved = Saved(self.folder / LAST, trainer.global_step, _whole_epochs(trainer))
            status.write_saved(self.run, saved)

    def _show_alive(self, trainer: pl.Trainer) -> None:
        """Renew the heartbeat in status.json, at most every `status.BEAT` seconds."""
        now = time.monotonic()
        if trainer.is_global_zero and now - self.last_beat > status.BEAT:
            self.last_beat = now
            status.write(self.run)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the number of finished epochs; Lightning stores the index of the current one."""
        checkpoint["epochs"] = _whole_epochs(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the best merit so far, and of which metric."""
        return {"best": self.best, "metric": self.metric}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best merit for a resumed run, unless it follows another metric now."""
        if state_dict.get("metric", ONLINE) == self.metric:
            self.best = state_dict["best"]


def _promised(trainer: pl.Trainer) -> set[str]:
    """Return the names of the online metrics that the trainer's callbacks log."""
    callbacks: list[Any] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    return {name for callback in callbacks for name in getattr(callback, "logs", ())}


def _whole_epochs(trainer: pl.Trainer) -> int:
    """Return the number of epochs behind this step; Lightning counts the current one, too."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return progress.processed


def _check_finite(trainer: pl.Trainer) -> None:
    """Raise NotFinite if a weight is NaN or infinite."""
    # The losses alone do not tell: a finite loss can have a gradient that is not.
    weights = list(trainer.lightning_module.parameters())
    if not torch.stack([w.detach().isfinite().all() for w in weights]).all():
        raise NotFinite(f"weights are not finite after step {trainer.global_step}")
