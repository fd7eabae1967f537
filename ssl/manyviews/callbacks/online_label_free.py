"""Measure clean features during training without labels, with the code of protocol `label_free`."""

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
from manyviews.evaluation.features import Features, extract_on_ranks
from manyviews.evaluation.measures.label_free import of_embeddings
from manyviews.ranges import Size, within_ranges

PREFIX = "online/label_free@1/"
NAMES = (
    "rankme",
    "rankme_centred",
    "effective_rank",
    "effective_rank_centred",
    "alpha_req",
    "alpha_req_3_100",
    "uniformity",
)


class OnlineLabelFree(pl.Callback):
    """A callback that logs `online/label_free@1/rankme` and the other measures of embeddings.

    They are those of protocol `label_free`, on clean samples: of the validation split, or of train
    if there is none. Labels are not read, so data without any have a best.ckpt, too:
    `best=online/label_free@1/rankme`. A measure that is not defined for these features (alpha-ReQ
    needs 100 dimensions) is not logged, which is said once.

    Args:
        every_n_epochs: epochs between two measurements, and the last epoch; null: none at all.
        items: most samples that are measured; values of different numbers cannot be compared.

    Raises:
        ConfigError: a number is below 1.
    """

    @within_ranges
    def __init__(self, every_n_epochs: Size | None, items: Size = 2000) -> None:
        self.every_n_epochs, self.items = every_n_epochs, items
        self.told: set[str] = set()  # measures without a value

    @property
    def logs(self) -> tuple[str, ...]:
        """Names of the metrics that it logs."""
        return self.metrics_of({"every_n_epochs": self.every_n_epochs})

    @staticmethod
    def metrics_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of the metrics that it logs with these settings of a config."""
        return tuple(PREFIX + name for name in NAMES) if settings["every_n_epochs"] else ()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the backbone if it is due: all ranks extract features, rank 0 measures."""
        if due(trainer, self.every_n_epochs):
            data: ViewData[Any, Any] = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            features = self.features(data, pl_module.get_submodule("backbone"))
            with distributed.rank_0_alone():
                if features is not None:
                    self._measure(trainer, features)

    def features(self, data: ViewData[Any, Any], backbone: nn.Module) -> Features | None:
        """Return the features to measure, which all ranks extract together; None but on rank 0."""
        split = "val" if "val" in named_splits(data.splits) else "train"
        rows = draws.permutation(0, 0, len(data.rows_of(split).label))[: self.items]
        return extract_on_ranks(backbone, data, split, rows)

    def _measure(self, trainer: pl.Trainer, features: Features) -> None:
        values: dict[str, float] = {}
        for found in of_embeddings(features.embedding):
            if found.value is not None:
                values[PREFIX + found.name] = found.value
            elif found.name not in self.told:
                self.told.add(found.name)
                print(f"note: no {PREFIX}{found.name}: {found.details['undefined']}")
        Metrics.of(trainer).write(trainer, values)
