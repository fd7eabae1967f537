"""VICReg: views agree, no feature dies, no two say the same.

Bardes, Ponce, LeCun: "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", ICLR 2022, arXiv 2105.04906.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.vicreg import vicreg
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_each, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class VICReg(Method):
    """Invariance, variance and covariance of two views.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width of both hidden layers of the expander; 8192 in the paper.
        projection_dim: P, 8192 in the paper.
        invariance_weight: lambda.
        variance_weight: mu.
        covariance_weight: nu.
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
        invariance_weight: float = 25.0,
        variance_weight: float = 25.0,
        covariance_weight: float = 1.0,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True, last_bias=False)
        self.weights = {
            "invariance_weight": invariance_weight,
            "variance_weight": variance_weight,
            "covariance_weight": covariance_weight,
        }

    def step(self, batch: Batch) -> Output:
        """Eq. 6; each view passes backbone and expander by itself."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        parts = vicreg(*projection, **self.weights)
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        return Output(sum(parts[1:], parts[0]), embedding, projection, logs)
