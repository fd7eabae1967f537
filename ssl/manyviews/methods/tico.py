"""TiCo: the views agree, and their projections avoid the directions of earlier batches.

Zhu, Moraes, Karakulak, Sobol, Canziani, LeCun: "TiCo: Transformation Invariance and Covariance
Contrast for Self-Supervised Visual Representation Learning", 2022, arXiv 2206.10698. No official
code; architecture and momentum as in lightly-ai/lightly.
Under gradient accumulation the covariance is updated with the last batch of each step.
"""

from __future__ import annotations

from collections.abc import Mapping

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.tico import TiCoLoss
from manyviews.method import Method
from manyviews.nn import Momentum, embed_each, projector
from manyviews.ranges import NotNegative, Share, Size, within_ranges

COLLAPSED = 0.9  # share of rho from which the contrast counts as collapsed


class TiCo(Method):
    """TiCo trains on the first view; the second passes a momentum encoder.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of the projector's hidden layer; 4096 in the paper.
        projection_dim: P, 256 in the paper.
        beta: share of the running covariance that is kept at each step.
        rho: weight of the covariance contrast.
        detach_batch: whether the covariance is treated as a constant by the gradient.
        momentum: of the target network at the first step; it rises to 1 along half a cosine.
    """

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        beta: Share = 0.9,
        rho: NotNegative = 8.0,
        detach_batch: bool = True,
        momentum: Share = 0.99,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False, last_bias=True)
        self.target = Momentum([backbone, self.projector], momentum)
        self.tico = TiCoLoss(projection_dim, beta=beta, rho=rho, detach_batch=detach_batch)

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 6; the covariance already contains this batch."""
        embedding = embed_each(self.backbone, batch.views[:1])
        projection = self.projector(embedding[0])
        parts = self.tico(projection, self.target(batch.views[1]), remember=self.last_piece)
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        return Output(parts.invariance + parts.contrast, embedding, projection[None], logs)

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Report collapse if the contrast is near rho: then all projections are parallel."""
        contrast, rho = logs["train/loss/contrast"], self.tico.rho
        if not rho or contrast < COLLAPSED * rho:
            return {}
        return {
            "contrast": f"the contrast {contrast:.2f} is near rho = {rho:g}, all projections are "
            "parallel: keep method.detach_batch=true, raise method.momentum, or lower optimizer.lr"
        }

    def begin_step(self) -> None:
        """Move the target network towards the trained one."""
        original = [self.backbone, self.projector]
        self.target.follow(original, self.global_step, self.total_steps)
