"""Measure kNN accuracy on clean features during training, with the code of protocol `knn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from torch import nn

from manyviews import distributed, draws
from manyviews.callbacks.due import due
from manyviews.callbacks.metrics import Metrics
from manyviews.datamodules.module import ViewData
from manyviews.datamodules.named_splits import named_splits
from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features, extract_on_ranks
from manyviews.evaluation.hold_out import by_whole_groups
from manyviews.evaluation.protocols.knn import KNN
from manyviews.evaluation.subject import Subject

ONLINE = "online/knn@1/top1"
NEIGHBOURS = 20
HELD_OUT = 10  # one in ten training items is held out


class OnlineKNN(pl.Callback):
    """A callback that logs the kNN accuracy `online/knn@1/top1`, with k = 20 and T = 0.07.

    The validation split is classified by the training items. Without one, a held-out tenth of the
    training items is classified by the others; if the data know groups (people, patients, videos),
    whole groups are held out. best.ckpt follows this accuracy by default, so nothing is ever chosen
    on test. Items without a label are left out, and of fewer than 20 training items all vote. With
    fewer than two labelled training items, or none to classify, nothing is logged, and there is no
    best.ckpt unless it follows another metric (`best=online/label_free@1/rankme`).

    Args:
        every_n_epochs: epochs between two scores; the last epoch is always scored.

    Raises:
        ConfigError: every_n_epochs is below 1.
    """

    logs = (ONLINE,)  # names of the metrics that it logs

    @staticmethod
    def metrics_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the metrics that it logs with these settings of a config."""
        return OnlineKNN.logs

    def __init__(self, every_n_epochs: int) -> None:
        if every_n_epochs < 1:
            raise ConfigError(
                f"callbacks.online_knn.every_n_epochs={every_n_epochs}; allowed: 1 or more, "
                "or callbacks.online_knn=null"
            )
        self.every_n_epochs = every_n_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score the backbone if it is due: all ranks extract features, rank 0 classifies."""
        if due(trainer, self.every_n_epochs):
            data: ViewData[Any, Any] = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            found = bank_and_queries(data, pl_module.get_submodule("backbone"))
            with distributed.rank_0_alone():  # on large data it takes longer than a collective may
                if found is not None:
                    top1 = accuracy(*found, len(data.splits.classes))
                    Metrics.of(trainer).write(trainer, {ONLINE: top1})


def accuracy(bank: Features, queries: Features, classes: int) -> float:
    """Return the kNN accuracy on labelled queries, with k = 20 and T = 0.07."""
    k = min(NEIGHBOURS, len(bank.label))
    knn = KNN(version=1, neighbours=[k], headline=k, temperature=0.07)
    found = knn(Subject(bank, queries, classes))[""]
    return float((found.top1 == queries.label).float().mean())


def bank_and_queries(
    data: ViewData[Any, Any], backbone: nn.Module
) -> tuple[Features, Features] | None:
    """Return labelled training features and those to classify, which all ranks extract together.

    It returns None if there are too few, and on all ranks but 0.
    """
    rows = {
        split: (data.rows_of(split).label >= 0).nonzero()[:, 0]
        for split in named_splits(data.splits)
    }
    if len(rows["train"]) < 2:  # one to compare with and one to classify
        return None
    bank = extract_on_ranks(backbone, data, "train", rows["train"])
    val = None
    if len(rows.get("val", ())):
        val = extract_on_ranks(backbone, data, "val", rows["val"])
    if bank is None:
        return None
    return _held_out(bank) if val is None else (bank, val)


def _held_out(train: Features) -> tuple[Features, Features]:
    """Return the features of training items that stay and those of a tenth, whole groups only."""
    if train.group is not None:
        parts = by_whole_groups(train.label, 1 / HELD_OUT, 0, train.group)
        if parts is not None:
            return train.rows(parts[0]), train.rows(parts[1])
    order = draws.permutation(0, 0, len(train.label))  # the same split in every run
    queries, bank = order.tensor_split([max(len(order) // HELD_OUT, 1)])
    return train.rows(bank), train.rows(queries)
