"""Show the progress of a run: a bar on a terminal, one line per epoch in a pipe."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from manyviews.callbacks.metrics import Metrics
from manyviews.datamodules.module import ViewData
from manyviews.runs.durations import about, clock

SECONDS, STEPS = 5.0, 10  # of training, after which its length is estimated


class Progress(pl.Callback):
    """A callback that shows loss, images per second, share of time waiting for data, time left.

    Some seconds after the start it says once about how long the training takes.
    """

    def __init__(self) -> None:
        self.console = Console()
        self.bar: Bar | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock, and on a terminal the bar; a resumed run starts at its restored step."""
        self.metrics = Metrics.of(trainer)
        self.began, self.first_epoch = time.perf_counter(), trainer.current_epoch
        self.timed_from: tuple[float, int] | None = None  # end and number of the first step here
        self.estimated, self.resumed = False, trainer.global_step > 0
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        self.item = data.item if isinstance(data, ViewData) else "image"
        if self.console.is_terminal and trainer.is_global_zero:
            self.bar = Bar(
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total} steps  {task.fields[text]}  left"),
                TimeRemainingColumn(),
                console=self.console,
            )
            total = int(trainer.estimated_stepping_batches)
            self.task = self.bar.add_task("", total=total, epoch="", text="")
            self.bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar, with the values of the last record in metrics.jsonl."""
        if not self.estimated and trainer.is_global_zero:
            self._estimate(trainer)
        if self.bar:
            epoch = f"{trainer.current_epoch + 1}/{trainer.max_epochs}"
            text = self._summary()
            self.bar.update(self.task, completed=trainer.global_step, epoch=epoch, text=text)

    def _estimate(self, trainer: pl.Trainer) -> None:
        """Say about how long the rest takes, once there are enough steps to tell.

        The first step is left out: it allocates memory, and may compile.
        """
        now, step = time.perf_counter(), trainer.global_step
        if self.timed_from is None:
            self.timed_from = (now, step)
        elapsed, steps = now - self.timed_from[0], step - self.timed_from[1]
        if elapsed < SECONDS or steps < STEPS:
            return
        self.estimated = True
        left = int(trainer.estimated_stepping_batches) - step
        epochs = (trainer.max_epochs or 0) - trainer.current_epoch
        said = f"about {about(elapsed / steps * left)} for {_count(epochs)}"
        what = "the rest of training" if self.resumed else "training"
        self.console.print(f"{what} takes {said}", soft_wrap=True, highlight=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line, if there is no terminal for a bar."""
        if self.bar or not trainer.is_global_zero:
            return
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        per_epoch = (time.perf_counter() - self.began) / (done - self.first_epoch)
        left = clock(per_epoch * (epochs - done))
        self.console.print(f"epoch {done}/{epochs}  {self._summary()}  {left} left", soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar, so that the next output has a clean terminal."""
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the next output has a clean terminal."""
        self._stop()

    def _stop(self) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _summary(self) -> str:
        """Return loss, speed and kNN accuracy of the last record, or "" before the first one."""
        m = self.metrics.latest
        if "train/loss" not in m:
            return ""
        knn = f"  kNN {m['online/knn@1/top1']:.1%}" if "online/knn@1/top1" in m else ""
        rate, wait = m["train/throughput/images_per_s"], m["train/data_wait"]
        speed = f"{rate:,.0f} {self.item}s/s  data wait {wait:.0%}"
        return f"loss {m['train/loss']:.4f}  {speed}{knn}"


def _count(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"
