"""Measure kNN accuracy on other data while a run trains, for a limited share of the time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from manyviews import distributed
from manyviews.batch import Batch
from manyviews.callbacks.due import due
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.online_knn import accuracy, bank_and_queries
from manyviews.datamodules.expected import of_data, resolved
from manyviews.datamodules.module import ViewData
from manyviews.errors import ConfigError
from manyviews.ranges import InnerShare, Positive, Size, within_ranges

AS_COLOUR = {"grey_as_colour": True}  # grey images are given to a backbone of three channels


class OtherData(pl.Callback):
    """A callback that logs `online/NAME/knn@1/top1` for each of several named data sets.

    It is the accuracy of `OnlineKNN`, so test data are not read: the validation split of the other
    data, or else a held-out tenth of their training items, is classified by their other training
    items. Clean inputs have the size and the statistics of the data that the run trains on.
    `online/other_data/share_of_time` says how much of the time it took so far.

    All data sets are measured one after the other, as soon as a measurement is due and does not
    take more than its share of the time. Until then a due measurement is put off. The share depends
    on the clock, so a run that is resumed may measure at other steps; the training is the same.

    Args:
        data: the data of the run.
        sets: data sets by name.
        every_n_epochs: epochs between two measurements, and the last epoch; null: none of these.
        every_minutes: minutes between two measurements, in mid-epoch too; null: none of these.
        at_most: most of the time since training started that the measurements may take together.
            The first one takes place in any case, because its length is not known before.

    Raises:
        ConfigError: other data are of another kind than those of the run, have other channels, or
            have fewer than two labelled items to train a classifier on; or a number is out of
            range.
    """

    @within_ranges
    def __init__(
        self,
        data: ViewData[Any, Any],
        sets: Mapping[str, Any],
        every_n_epochs: Size | None = 10,
        every_minutes: Positive | None = None,
        at_most: InnerShare = 0.1,
    ) -> None:
        self.sets = {
            name: _as_read_by_backbone(name, splits, data)
            for name, splits in sets.items()
            if splits is not None
        }
        self.every_n_epochs, self.every_minutes, self.at_most = (
            every_n_epochs,
            every_minutes,
            at_most,
        )
        self.spent = self.longest = 0.0  # seconds of all measurements, and of the longest
        self.is_due = False

    @property
    def logs(self) -> tuple[str, ...]:
        """Names of the metrics that it logs."""
        return self.metrics_of({"sets": self.sets})

    @staticmethod
    def metrics_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the metrics that it logs with these settings of a config."""
        return tuple(_metric(name) for name, data in settings["sets"].items() if data is not None)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.started = self.measured_at = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Measure in mid-epoch if it is time; looked at when a record of metrics is written."""
        if self.every_minutes is None or not self.sets or trainer.is_last_batch:
            return
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        metrics = Metrics.of(trainer)
        if whole_step and trainer.global_step % metrics.every_n_steps == 0:
            self._measure_if_due(trainer, pl_module)
            metrics.restart_clock()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure if this epoch is due, or if it is time."""
        if due(trainer, self.every_n_epochs):
            self.is_due = True
        if self.sets:
            self._measure_if_due(trainer, pl_module)

    def _measure_if_due(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure on all ranks, if rank 0 says so, whose clock counts."""
        now = time.monotonic()
        if self.every_minutes and now - self.measured_at >= 60 * self.every_minutes:
            self.is_due = True
        share = _share(self.spent + self.longest, now - self.started + self.longest)
        if not distributed.from_rank_0(self.is_due and share <= self.at_most):
            return
        self._measure(trainer, pl_module)
        self.is_due, self.measured_at = False, time.monotonic()
        self.spent += self.measured_at - now
        self.longest = max(self.longest, self.measured_at - now)
        share = _share(self.spent, self.measured_at - self.started)
        Metrics.of(trainer).write(trainer, {"online/other_data/share_of_time": share})

    def _measure(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the accuracies: all ranks extract features, rank 0 classifies."""
        for name, data in self.sets.items():
            found = bank_and_queries(data, pl_module.get_submodule("backbone"))
            with distributed.rank_0_alone():
                if found is not None:
                    top1 = accuracy(*found, len(data.splits.classes))
                    Metrics.of(trainer).write(trainer, {_metric(name): top1})


def _metric(name: str) -> str:
    return f"online/{name}/knn@1/top1"


def _share(seconds: float, elapsed: float) -> float:
    """Return how much of the elapsed time these seconds are, 0 at the very start."""
    return seconds / elapsed if elapsed > 0 else 0.0


def _as_read_by_backbone(name: str, splits: Any, data: ViewData[Any, Any]) -> ViewData[Any, Any]:
    """Return other data with clean inputs as the backbone of the run reads them.

    Raises:
        ConfigError: the backbone cannot read them, or they cannot be classified.
    """
    key = f"callbacks.other_data.sets.{name}"
    if not isinstance(splits, type(data.splits)):
        raise ConfigError(f"{key} has other data than the {data.reads} that the run reads")
    if (known := int((splits.train.label >= 0).sum())) < 2:
        raise ConfigError(
            f"{key} has {known} labelled training {data.item}s, and kNN needs two or more"
        )
    try:
        made = type(data)(splits, data.views, batch_size=2, seed=data.seed)
        made.preprocessing = resolved(of_data(data), made, AS_COLOUR)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error
    return made
