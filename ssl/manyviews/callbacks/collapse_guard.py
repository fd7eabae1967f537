"""Tells while a run trains that its representation has collapsed, why, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from manyviews import distributed
from manyviews.batch import Batch, Output
from manyviews.callbacks.metrics import Metrics
from manyviews.errors import ConfigError
from manyviews.losses.vne import von_neumann_entropy
from manyviews.method import Method

SPREAD = 0.02  # of 1, below which all images have the same projection
DROP = 0.1  # share of the highest rank so far, below which it has fallen
HIGH = 4.0  # effective rank that has to be reached before a fall means anything


class Collapsed(RuntimeError):
    """The representation collapsed and the run was told to stop at that."""


class CollapseGuard(pl.Callback):
    """Looks every n steps, logs `health/spread` and `health/rank`, and speaks up once per sign.

    A sign counts when two looks in a row see it. General signs are read off the first view's
    projections of all ranks; a method adds its own in `Method.collapse`.

    Args:
        every_n_steps: optimizer steps between two looks.
        on_collapse: "warn" prints a line; "stop" ends the run with it, the last checkpoint stays.
    """

    def __init__(self, every_n_steps: int, on_collapse: Literal["warn", "stop"] = "warn") -> None:
        if every_n_steps < 1:
            raise ConfigError(
                f"callbacks.collapse.every_n_steps={every_n_steps}; allowed: 1 or more, "
                "or callbacks.collapse=null"
            )
        self.every_n_steps, self.on_collapse = every_n_steps, on_collapse
        self.highest = 0.0
        self.seen: set[str] = set()  # signs of the last look
        self.told: set[str] = set()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Look, behind whole optimizer steps."""
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not whole_step or trainer.global_step % self.every_n_steps:
            return
        output: Output = outputs["output"]
        spread, rank = spread_and_rank(output.projection[0])
        Metrics.of(trainer).write(trainer, {"health/spread": spread, "health/rank": rank})
        logs = _means(outputs["logs"])
        own = cast(Method, pl_module).collapse(logs)
        signs = dict(self._general(spread, rank)) | own
        self._tell(trainer, signs)

    def _general(self, spread: float, rank: float) -> Iterator[tuple[str, str]]:
        if spread < SPREAD:
            yield (
                "spread",
                f"all images have nearly the same projection (spread {spread:.3f}, healthy about "
                "1): lower optimizer.lr, lengthen schedule.warmup_epochs, or type regularizer=vne",
            )
        if self.highest > HIGH and rank < DROP * self.highest:
            yield (
                "rank",
                f"the effective rank of the projections fell from {self.highest:.1f} to "
                f"{rank:.1f}: lower optimizer.lr, or type regularizer=vne",
            )
        self.highest = max(self.highest, rank)

    def _tell(self, trainer: pl.Trainer, signs: dict[str, str]) -> None:
        sure = [name for name in signs if name in self.seen and name not in self.told]
        self.seen = set(signs)
        self.told.update(sure)
        for name in sure:
            line = f"collapse at step {trainer.global_step}: {signs[name]}"
            if self.on_collapse == "stop":
                raise Collapsed(line)
            if trainer.is_global_zero:
                print(line)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know to speak up at the same steps."""
        return {"highest": self.highest, "seen": sorted(self.seen), "told": sorted(self.told)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.highest = state_dict["highest"]
        self.seen, self.told = set(state_dict["seen"]), set(state_dict["told"])


@torch.no_grad()
def spread_and_rank(z: Float[Tensor, "B P"]) -> tuple[float, float]:
    """Root mean square distance of the normalised rows from their mean, and the effective rank.

    Over the rows of all ranks. Rows spread evenly over the sphere have 1, equal rows 0; the rank is
    exp of the von Neumann entropy, 1 to min(N, P).
    """
    unit = F.normalize(z.float(), dim=1)
    rows = len(unit) * distributed.world_size()
    centred = unit - distributed.total(unit.sum(0)) / rows
    variance = distributed.total(centred.square().sum(0)) / rows
    spread = variance.sum().sqrt()
    return float(spread), float(von_neumann_entropy(unit).exp())


def _means(logs: dict[str, Tensor]) -> dict[str, float]:
    """Of the ranks."""
    values = distributed.total(torch.stack([v.double() for v in logs.values()]))
    return dict(zip(logs, (values / distributed.world_size()).tolist(), strict=True))
