"""Barlow Twins: two views agree, and no two features carry the same information.

Zbontar, Jing, Misra, LeCun, Deny: "Barlow Twins: Self-Supervised Learning via Redundancy
Reduction", 2021, arXiv 2103.03230. Official code facebookresearch/barlowtwins@8e8d284.
Deviation: the last incomplete batch of an epoch is dropped; the official code divides it by the
full batch size.
"""

from __future__ import annotations

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.barlow_twins import DDP, barlow_twins
from manyviews.method import Method
from manyviews.nn import embed_each, projector
from manyviews.ranges import NotNegative, Size, within_ranges


class BarlowTwins(Method):
    """Barlow Twins drives the cross-correlation matrix of two views to the identity.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of both hidden layers of the projector; 8192 in the paper.
        projection_dim: P, 8192 in the paper.
        redundancy_weight: lambda of eq. 1; 0.005 in the paper, 0.0051 in its code.
        ddp: how several ranks compute the loss; see `losses.barlow_twins`.
    """

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        redundancy_weight: NotNegative = 0.0051,
        ddp: DDP = "exact",
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False)
        self.redundancy_weight = redundancy_weight
        self.ddp: DDP = ddp

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 1; each view passes backbone and projector separately."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        parts = barlow_twins(*projection, redundancy_weight=self.redundancy_weight, ddp=self.ddp)
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        return Output(parts.invariance + parts.redundancy, embedding, projection, logs)
