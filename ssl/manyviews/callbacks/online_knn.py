"""Measure kNN accuracy on clean features during training, with the code of protocol `knn`."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from manyviews import distributed, draws
from manyviews.callbacks.metrics import Metrics
from manyviews.datamodules.module import ViewData
from manyviews.errors import ConfigError
from manyviews.evaluation.features import extract
from manyviews.evaluation.protocols.knn import KNN
from manyviews.evaluation.subject import Subject

ONLINE = "online/knn@1/top1"
HELD_OUT = 10  # one in ten training images is held out


class OnlineKNN(pl.Callback):
    """A callback that logs the kNN accuracy `online/knn@1/top1`, with k = 20 and T = 0.07.

    A held-out tenth of the training images is classified by the other nine tenths; best.ckpt is
    chosen by this accuracy, so nothing is ever chosen on test. Images without a label are left
    out. With fewer than two labelled images nothing is logged and there is no best.ckpt.

    Args:
        every_n_epochs: epochs between two scores; the last epoch is always scored.

    Raises:
        ConfigError: every_n_epochs is below 1.
    """

    def __init__(self, every_n_epochs: int) -> None:
        if every_n_epochs < 1:
            raise ConfigError(
                f"callbacks.online_knn.every_n_epochs={every_n_epochs}; allowed: 1 or more, "
                "or callbacks.online_knn=null"
            )
        self.every_n_epochs = every_n_epochs
        self.knn = KNN(version=1, neighbours=[20], headline=20, temperature=0.07)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score the backbone on rank 0, if this epoch is due; the other ranks wait for it."""
        done = trainer.current_epoch + 1
        if done % self.every_n_epochs == 0 or done == trainer.max_epochs:
            with distributed.rank_0_alone():  # on large data it takes longer than a collective may
                if trainer.is_global_zero:
                    self._score(trainer, pl_module)

    def _score(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: ViewData[Any, Any] = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        rows = (data.splits.train.label >= 0).nonzero()[:, 0]
        if len(rows) < 2:
            return  # one row to classify and one to compare with are the least
        features = extract(pl_module.get_submodule("backbone"), data.clean("train", rows))
        order = draws.permutation(0, 0, len(features.label))  # the same split in every run
        queries = max(len(order) // HELD_OUT, 1)
        held_out, bank = (features.rows(r) for r in order.tensor_split([queries]))
        found = self.knn(Subject(bank, held_out, len(data.splits.classes)))[""]
        accuracy = float((found.top1 == held_out.label).float().mean())
        Metrics.of(trainer).write(trainer, {ONLINE: accuracy})
