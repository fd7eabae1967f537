"""BYOL: predict the target projection of the other view; no negatives.

Grill et al.: "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS 2020,
arXiv 2006.07733. Heads as in the official code, google-deepmind/deepmind-research.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.byol import byol
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import Momentum, embed_each, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class BYOL(Method):
    """Both views are predicted from each other.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width of the hidden layers of projector and predictor; 4096 in the paper.
        projection_dim: P, 256 in the paper.
        momentum: tau of the first step, 0.996 in the paper; it rises to 1 by half a cosine.
        regularizers: see `Method`.
    """

    compares_rows = False

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        hidden_dim: int,
        projection_dim: int,
        momentum: float = 0.996,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        super().__init__(backbone, optimizer, schedule, regularizers)
        # The authors' first layers have biases, which the batch norm behind them takes away.
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False)
        self.predictor = projector([projection_dim, hidden_dim, projection_dim], bias=False)
        self.target = Momentum([backbone, self.projector], momentum)

    def step(self, batch: Batch) -> Output:
        """Eq. 2 in both directions: their mean, half the sum that the paper takes."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        first, second = (self.predictor(z) for z in projection)
        target_1, target_2 = (self.target(view) for view in batch.views)
        loss = (byol(first, target_2) + byol(second, target_1)) / 2
        return Output(loss, embedding, projection, {})

    def begin_step(self) -> None:
        """The target moves."""
        original = [self.backbone, self.projector]
        self.target.follow(original, self.global_step, self.total_steps)
