"""SimCLR: each view finds the other one of its image among all views of the batch.

Chen, Kornblith, Norouzi, Hinton: "A Simple Framework for Contrastive Learning of Visual
Representations", ICML 2020, arXiv 2002.05709.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.simclr import info_nce
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_by_shape, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class SimCLR(Method):
    """NT-Xent on two views.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width of the projector's hidden layer; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        temperature: tau; 0.1 in the paper.
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
        temperature: float = 0.1,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if temperature <= 0:
            raise ConfigError(f"method.temperature={temperature}; allowed: above 0")
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False, ending=nn.BatchNorm1d(projection_dim))
        self.temperature = temperature

    def step(self, batch: Batch) -> Output:
        """Eq. 1; both views pass the network together, as in the authors' code."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        loss = info_nce(*projection, temperature=self.temperature)
        return Output(loss, embedding, projection, {})
