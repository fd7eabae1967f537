"""Barlow Twins: two views agree, and no two features say the same.

Zbontar, Jing, Misra, LeCun, Deny: "Barlow Twins: Self-Supervised Learning via Redundancy
Reduction", 2021, arXiv 2103.03230. Official code facebookresearch/barlowtwins@8e8d284.
Deviation: the last incomplete batch of an epoch is dropped; the official code divides it by the
full batch size.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.barlow_twins import DDP, barlow_twins
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_each, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class BarlowTwins(Method):
    """Cross-correlation of two views driven to the identity.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width of both hidden layers of the projector; 8192 in the paper.
        projection_dim: P, 8192 in the paper.
        redundancy_weight: lambda; 0.005 in the paper, 0.0051 in its code.
        ddp: see `losses.barlow_twins`.
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
        redundancy_weight: float = 0.0051,
        ddp: DDP = "exact",
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False)
        self.redundancy_weight = redundancy_weight
        self.ddp: DDP = ddp

    def step(self, batch: Batch) -> Output:
        """Eq. 1; each view passes backbone and projector by itself."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        parts = barlow_twins(*projection, redundancy_weight=self.redundancy_weight, ddp=self.ddp)
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        return Output(parts.invariance + parts.redundancy, embedding, projection, logs)
