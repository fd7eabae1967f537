"""Supervised contrastive learning: all views of a class are positives; it needs labels.

Khosla et al.: "Supervised Contrastive Learning", NeurIPS 2020, arXiv 2004.11362.
"""

from __future__ import annotations

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.supcon import supcon
from manyviews.method import Method
from manyviews.nn import embed_by_shape, projector
from manyviews.ranges import Positive, Size, within_ranges


class SupCon(Method):
    """SupCon trains with the loss L_out on two or more views.

    Args:
        backbone: the network to pretrain.
        classes: number of classes; unused, but asking for it makes data without labels an error.
        hidden_dim: width of the projector's hidden layer; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        temperature: tau of eq. 2; 0.1 in the paper.
    """

    views_read = (2, None)
    needs = ("classes",)
    needs = ("classes",)

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int,
        hidden_dim: Size,
        projection_dim: Size,
        temperature: Positive = 0.1,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True)
        self.temperature = temperature

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 2; all views share one forward pass."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        loss = supcon(projection, batch.label, temperature=self.temperature)
        return Output(loss, embedding, projection, {})
