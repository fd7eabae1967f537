"""BYOL: predict the target network's projection of the other view, without negatives.

Grill et al.: "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS 2020,
arXiv 2006.07733. Heads as in the official code, google-deepmind/deepmind-research.
"""

from __future__ import annotations

import torch

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.byol import byol
from manyviews.method import Method
from manyviews.nn import Momentum, embed_each, projector
from manyviews.ranges import Share, Size, within_ranges


class BYOL(Method):
    """BYOL predicts each view from the other one, with a momentum encoder as the target.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of the hidden layers of projector and predictor; 4096 in the paper.
        projection_dim: P, 256 in the paper.
        momentum: tau at the first step, 0.996 in the paper; it rises to 1 along half a cosine.
    """

    compares_rows = False

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        momentum: Share = 0.996,
    ) -> None:
        super().__init__(backbone)
        # The authors' first layers have biases, but the batch norm that follows removes them.
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False)
        self.predictor = projector([projection_dim, hidden_dim, projection_dim], bias=False)
        self.target = Momentum([backbone, self.projector], momentum)

    def step(self, batch: Batch) -> Output:
        """Return the mean of eq. 2 over both directions (the paper takes the sum, twice that)."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        first, second = (self.predictor(z) for z in projection)
        target_1, target_2 = (self.target(view) for view in batch.views)
        loss = (byol(first, target_2) + byol(second, target_1)) / 2
        return Output(loss, embedding, projection, {})

    def begin_step(self) -> None:
        """Move the target network towards the trained one."""
        original = [self.backbone, self.projector]
        self.target.follow(original, self.global_step, self.total_steps)
