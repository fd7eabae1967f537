"""Noise inside the model (dropout, stochastic depth) as a function of (seed, step, rank)."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from manyviews import distributed, draws


class Noise(pl.Callback):
    """Seeds torch's generators before each batch: a resumed run needs no saved generator.

    Ranks differ, so this noise, unlike the views, depends on their number.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Under accumulation every piece of a batch has its own."""
        number = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx
        seed = draws.step_seed(self.seed, number, distributed.rank())
        # Not torch.manual_seed: where there is no GPU it formats a stack trace at every call.
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type != "cpu":
            torch.get_device_module(pl_module.device).manual_seed(seed)
