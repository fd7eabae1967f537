"""The numbers that determine how a classifier is trained on a backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from torch.optim import SGD, Optimizer

from manyviews.optim import LARC

Schedule = Literal["cosine", "steps"]
BATCH = 256  # rates that are scaled are those of so many items


class Recipe(NamedTuple):
    """How a classifier is trained on a backbone.

    Attributes:
        epochs: passes over the training items.
        batch_size: items per step, summed over ranks.
        head_rate: first learning rate of the linear layer.
        trunk_rate: first learning rate of the backbone; None: the backbone is frozen.
        scale_rates: True if both rates are multiplied by batch_size / 256.
        schedule: "cosine": half a cosine from the first rate to 0; "steps": the rate is multiplied
            by `decay_factor` at each of `decay_epochs`. Either changes between epochs only.
        decay_epochs: epochs, from 0, before which the rate falls.
        decay_factor: factor at each of them.
        momentum: of SGD.
        weight_decay: of all trained parameters.
        optimizer: "sgd", or "larc", whose step on a tensor is proportional to the tensor's norm.
        seed: of the first weights of the linear layer, the order of the items, and the views.
    """

    epochs: int
    batch_size: int
    head_rate: float
    trunk_rate: float | None = None
    scale_rates: bool = False
    schedule: Schedule = "cosine"
    decay_epochs: Sequence[int] = ()
    decay_factor: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    optimizer: Literal["sgd", "larc"] = "sgd"
    seed: int = 0

    def of_batch(self, batch_size: int) -> Recipe:
        """Return the recipe for batches of this size; rates that depend on it are scaled."""
        scale = batch_size / BATCH if self.scale_rates else 1.0
        trunk = None if self.trunk_rate is None else self.trunk_rate * scale
        return self._replace(
            batch_size=batch_size,
            head_rate=self.head_rate * scale,
            trunk_rate=trunk,
            scale_rates=False,
        )

    def factor(self, epoch: int) -> float:
        """Return the factor on the learning rates in an epoch, from 0.

        >>> Recipe(4, 256, 0.3).factor(2)
        0.5
        """
        if self.schedule == "steps":
            return self.decay_factor ** sum(epoch >= at for at in self.decay_epochs)
        return round(0.5 * (1 + math.cos(math.pi * epoch / self.epochs)), 15)

    def build_optimizer(self, groups: list[dict[str, Any]]) -> Optimizer:
        """Return a new optimizer for groups of parameters that name their rates."""
        kind = LARC if self.optimizer == "larc" else SGD
        return kind(
            groups, lr=self.head_rate, momentum=self.momentum, weight_decay=self.weight_decay
        )
