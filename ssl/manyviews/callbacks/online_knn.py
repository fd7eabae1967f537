"""kNN on clean features while training: the offline protocol's code, labelled online."""

from __future__ import annotations

import pytorch_lightning as pl

from manyviews.callbacks.metrics import Metrics
from manyviews.datamodules.images import ImageData
from manyviews.errors import ConfigError
from manyviews.evaluation.features import extract
from manyviews.evaluation.knn import KNN


class OnlineKNN(pl.Callback):
    """Logs `online/knn@1/top1` with k = 20 and T = 0.07; nothing is chosen by it.

    Args:
        every_n_epochs: cadence; the last epoch is left to the evaluation that follows it.
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
        """Score the backbone as it is now."""
        done = trainer.current_epoch + 1
        if done % self.every_n_epochs or done == trainer.max_epochs or not trainer.is_global_zero:
            return  # the other ranks meet rank 0 again at their next sum
        data: ImageData = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        backbone = pl_module.get_submodule("backbone")
        train, test = (extract(backbone, data.clean(s)) for s in ("train", "test"))
        predicted = self.knn(train, test, len(data.splits.classes))["top1"]
        accuracy = float((predicted == test.label).float().mean())
        Metrics.of(trainer).write(trainer, {"online/knn@1/top1": accuracy})
