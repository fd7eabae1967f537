"""Make noise inside the model (dropout, stochastic depth) depend on (seed, step, rank) alone."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from manyviews import distributed, draws


class Noise(pl.Callback):
    """A callback that seeds torch's generators before each batch.

    A resumed run therefore draws the same noise without a saved generator. Each rank draws its own
    noise, so, unlike the views, it depends on the number of ranks.

    Args:
        seed: the run's seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the generators for this batch; under accumulation each piece has its own seed."""
        number = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx
        seed = draws.step_seed(self.seed, number, distributed.rank())
        # Not torch.manual_seed: without a GPU it formats a stack trace at every call.
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type != "cpu":
            torch.get_device_module(pl_module.device).manual_seed(seed)
