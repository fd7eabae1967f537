"""Record how the spectrum of the projections grows during training: the stepwise picture."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytorch_lightning as pl

from manyviews import distributed
from manyviews.batch import Batch, Output
from manyviews.callbacks.metrics import Metrics
from manyviews.evaluation.measures.spectrum import covariance_eigenvalues
from manyviews.ranges import Size, within_ranges
from manyviews.runs import EIGENVALUES


class Eigenvalues(pl.Callback):
    """A callback that appends the largest eigenvalues of a covariance to eigenvalues.jsonl.

    The covariance is that of the first view of the batch, over the rows of all ranks, centred and
    divided by their number N. At most N - 1 eigenvalues differ from 0. In self-supervised training
    they rise one after the other, in steps: Simon et al. 2023, "On the Stepwise Nature of
    Self-Supervised Learning", arXiv 2303.15438. A resumed run cuts the file back to its checkpoint
    and goes on, so it ends with the lines of an uninterrupted one.

    Args:
        every_n_steps: optimizer steps between two records; null: none at all.
        of: the output that is recorded, "projection" (of the head) or "embedding" (of the
            backbone).
        largest: number of eigenvalues in a record.

    Raises:
        ConfigError: a number is below 1.
    """

    @within_ranges
    def __init__(
        self,
        every_n_steps: Size | None,
        of: Literal["projection", "embedding"] = "projection",
        largest: Size = 64,
    ) -> None:
        self.every_n_steps, self.of, self.largest = every_n_steps, of, largest

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Record the eigenvalues, if this batch ends an optimizer step and a record is due."""
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not self.every_n_steps or not whole_step or trainer.global_step % self.every_n_steps:
            return
        output: Output = outputs["output"]
        rows = distributed.gather(getattr(output, self.of)[0]).cpu()
        if not trainer.is_global_zero:
            return
        record = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            "of": self.of,
            "n": len(rows),
            "eigenvalues": covariance_eigenvalues(rows)[: self.largest].tolist(),
        }
        path = Metrics.of(trainer).path.with_name(EIGENVALUES)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
