"""SwAV: views predict each other's cluster assignments.

Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", 2020, arXiv 2006.09882. Official code facebookresearch/swav
@06b1b7c. Deviation: weight decay spares biases and norms unless the optimizer says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from manyviews.backbones import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.swav import sinkhorn, swapped_prediction
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_by_shape, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer

ASSIGNING = 2  # the first two views get codes; smaller crops only predict them


class SwAV(Method):
    """Swapped prediction of codes over learned prototypes.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width inside the projection head; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        prototypes: K, 3000 in the paper for 1000 classes.
        temperature: of the softmax over prototypes; 0.1 in the paper.
        epsilon: entropy of the codes; 0.05 in the paper.
        iterations: of Sinkhorn-Knopp; 3 in the paper.
        freeze_steps: first steps in which the prototypes do not learn; one epoch in the paper.
        regularizers: see `Method`.
    """

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        hidden_dim: int,
        projection_dim: int,
        prototypes: int,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        freeze_steps: int = 0,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if min(temperature, epsilon) <= 0:
            raise ConfigError(
                f"method.temperature={temperature}, method.epsilon={epsilon}; both must be above 0"
            )
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True)
        self.prototypes = nn.Linear(projection_dim, prototypes, bias=False)
        self.temperature, self.epsilon, self.iterations = temperature, epsilon, iterations
        self.freeze_steps = freeze_steps
        self.normalize_prototypes()

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Put every prototype back on the unit sphere, in place."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def step(self, batch: Batch) -> Output:
        """Eq. 1-2: the head sees all views at once, the codes come from the first two."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        # float32 before the product: half precision near 1, divided by epsilon, is 8 % noise.
        with torch.autocast(projection.device.type, enabled=False):
            z = F.normalize(projection.to(self.prototypes.weight.dtype), dim=2)
            scores = z @ self.prototypes.weight.mT
        codes = torch.stack(
            [
                sinkhorn(s, epsilon=self.epsilon, iterations=self.iterations)
                for s in scores[:ASSIGNING].detach()
            ]
        )
        loss = swapped_prediction(scores, codes, temperature=self.temperature)
        logs = {"health/prototype_entropy": _usage_entropy(scores.detach())}
        return Output(loss, embedding, z, logs)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Prototypes are normalised before the first forward of every optimizer step."""
        if batch_idx % self.trainer.accumulate_grad_batches == 0:
            self.normalize_prototypes()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """While frozen, prototypes get no gradient at all: no momentum, no weight decay either."""
        if self.global_step < self.freeze_steps:
            self.prototypes.weight.grad = None


def _usage_entropy(scores: Float[Tensor, "V B K"]) -> Float[Tensor, ""]:
    """Entropy of how often each prototype is the nearest; ln K when all are used alike."""
    nearest = scores.flatten(0, 1).argmax(1)
    share = scores.new_zeros(scores.shape[2]).index_add_(0, nearest, scores.new_ones(len(nearest)))
    share = share / len(nearest)
    return -torch.xlogy(share, share).sum()
