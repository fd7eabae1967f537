"""VICReg: views agree, every feature keeps its variance, and no two features are correlated.

Bardes, Ponce, LeCun: "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", ICLR 2022, arXiv 2105.04906.
"""

from __future__ import annotations

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.vicreg import vicreg
from manyviews.method import Method
from manyviews.nn import embed_each, projector
from manyviews.ranges import NotNegative, Size, within_ranges


class VICReg(Method):
    """VICReg weighs the invariance, variance and covariance terms of two views.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of both hidden layers of the expander; 8192 in the paper.
        projection_dim: P, 8192 in the paper.
        invariance_weight: lambda of eq. 6; 25 in the paper.
        variance_weight: mu of eq. 6; 25 in the paper.
        covariance_weight: nu of eq. 6; 1 in the paper.
    """

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        invariance_weight: NotNegative = 25.0,
        variance_weight: NotNegative = 25.0,
        covariance_weight: NotNegative = 1.0,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True, last_bias=False)
        self.weights = {
            "invariance_weight": invariance_weight,
            "variance_weight": variance_weight,
            "covariance_weight": covariance_weight,
        }

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 6; each view passes backbone and expander separately."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        parts = vicreg(*projection, **self.weights)
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        return Output(sum(parts[1:], parts[0]), embedding, projection, logs)
