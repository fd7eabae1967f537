"""The epochs after which a callback measures."""

from __future__ import annotations

import pytorch_lightning as pl


def due(trainer: pl.Trainer, every_n_epochs: int | None) -> bool:
    """Return True if the epoch that ends is one of every n, or the last one; None: none at all."""
    if every_n_epochs is None:
        return False
    done = trainer.current_epoch + 1
    return done % every_n_epochs == 0 or done == trainer.max_epochs
