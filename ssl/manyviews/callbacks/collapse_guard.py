"""Detect during training that the representation has collapsed; say why and what to change."""

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
from manyviews.errors import Collapsed, ConfigError
from manyviews.losses.vne import von_neumann_entropy
from manyviews.method import Method

SPREAD = 0.02  # below this spread all projections count as equal; healthy is about 1
DROP = 0.1  # below this share of the highest effective rank so far, the rank counts as fallen
HIGH = 4.0  # a fall counts only after the effective rank was above this once


class CollapseGuard(pl.Callback):
    """A callback that checks every n steps for signs of collapse and reports each sign once.

    Each check logs `health/spread` and `health/rank` of the first view's projections, taken over
    all ranks. A method adds signs in `Method.collapse`. A sign is reported when two checks in a
    row find it, because a single batch can be unusual.

    Args:
        every_n_steps: optimizer steps between two checks.
        on_collapse: "warn" prints a line; "stop" ends the run with that line as the error. The
            last checkpoint stays.

    Raises:
        ConfigError: every_n_steps is below 1.
        Collapsed: while training, if a sign is found and on_collapse is "stop".
    """

    def __init__(self, every_n_steps: int, on_collapse: Literal["warn", "stop"] = "warn") -> None:
        if every_n_steps < 1:
            raise ConfigError(
                f"callbacks.collapse.every_n_steps={every_n_steps}; allowed: 1 or more, "
                "or callbacks.collapse=null"
            )
        self.every_n_steps, self.on_collapse = every_n_steps, on_collapse
        self.highest = 0.0  # effective rank
        self.seen: set[str] = set()  # signs that the last check found
        self.told: set[str] = set()  # signs that were reported

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Check for collapse, if this batch ends an optimizer step and a check is due."""
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if not whole_step or trainer.global_step % self.every_n_steps:
            return
        output: Output = outputs["output"]
        spread, rank = spread_and_rank(output.projection[0])
        Metrics.of(trainer).write(trainer, {"health/spread": spread, "health/rank": rank})
        logs = _mean_over_ranks(outputs["logs"])
        signs = dict(self._general_signs(spread, rank))
        signs |= cast(Method, pl_module).collapse(logs)
        self._report(trainer, signs)

    def _general_signs(self, spread: float, rank: float) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of each sign that does not depend on the method."""
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

    def _report(self, trainer: pl.Trainer, signs: dict[str, str]) -> None:
        """Print, or raise, the signs that the check before this one found too."""
        confirmed = [name for name in signs if name in self.seen and name not in self.told]
        self.seen = set(signs)
        self.told.update(confirmed)
        for name in confirmed:
            line = f"collapse at step {trainer.global_step}: {signs[name]}"
            if self.on_collapse == "stop":
                raise Collapsed(line)
            if trainer.is_global_zero:
                print(line)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to report at the same steps as an uninterrupted one."""
        return {"highest": self.highest, "seen": sorted(self.seen), "told": sorted(self.told)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the highest rank and the signs found and reported so far."""
        self.highest = state_dict["highest"]
        self.seen, self.told = set(state_dict["seen"]), set(state_dict["told"])


@torch.no_grad()
def spread_and_rank(z: Float[Tensor, "B P"]) -> tuple[float, float]:
    """Return the spread and the effective rank of projections, over the rows of all ranks.

    The spread is the root mean square distance of the normalised rows from their mean: 1 if they
    lie evenly on the sphere, 0 if all are equal. The effective rank is exp of the von Neumann
    entropy (Kim et al. 2023, arXiv 2304.01434), from 1 to min(N, P).

    Args:
        z: raw projections of this rank.
    """
    unit = F.normalize(z.float(), dim=1)
    rows = len(unit) * distributed.world_size()
    centred = unit - distributed.total(unit.sum(0)) / rows
    variance = distributed.total(centred.square().sum(0)) / rows
    spread = variance.sum().sqrt()
    return float(spread), float(von_neumann_entropy(unit).exp())


def _mean_over_ranks(logs: dict[str, Tensor]) -> dict[str, float]:
    """Return the mean of each logged value over all ranks, with one reduction for all of them."""
    values = distributed.total(torch.stack([v.double() for v in logs.values()]))
    return dict(zip(logs, (values / distributed.world_size()).tolist(), strict=True))
