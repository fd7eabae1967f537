"""The checkpoint at each epoch's end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint as LastCallback

from manyviews.runs import FORMAT_VERSION


class Checkpoint(LastCallback):
    """Writes beside and renames: the last good checkpoint is never touched.

    Lightning runs subclasses of its `Checkpoint` after all other callbacks, so a loss that is not
    finite stops the run before it is saved.

    Args:
        path: of the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save weights, optimizer, schedule, loops and loader."""
        beside = self.path.with_suffix(".tmp")
        trainer.save_checkpoint(beside)  # on every rank; rank 0 writes
        if trainer.is_global_zero:
            beside.replace(self.path)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Mark the format."""
        checkpoint["format_version"] = FORMAT_VERSION
