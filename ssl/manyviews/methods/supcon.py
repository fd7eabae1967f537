"""Supervised contrastive learning: all views of a class are positives. It needs labels.

Khosla et al.: "Supervised Contrastive Learning", NeurIPS 2020, arXiv 2004.11362.
"""

from __future__ import annotations

from collections.abc import Mapping

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.supcon import supcon
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_by_shape, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class SupCon(Method):
    """L_out on two views or more.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        classes: how many there are; handed over, so that data without labels are refused.
        hidden_dim: width of the projector's hidden layer; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        temperature: tau; 0.1 in the paper.
        regularizers: see `Method`.
    """

    views_read = (2, None)

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        classes: int,
        hidden_dim: int,
        projection_dim: int,
        temperature: float = 0.1,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if temperature <= 0:
            raise ConfigError(f"method.temperature={temperature}; allowed: above 0")
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True)
        self.temperature = temperature

    def step(self, batch: Batch) -> Output:
        """Eq. 2; all views pass the network together."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        loss = supcon(projection, batch.label, temperature=self.temperature)
        return Output(loss, embedding, projection, {})
