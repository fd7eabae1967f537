"""SimCLR: each view identifies the other view of its image among all views of the batch.

Chen, Kornblith, Norouzi, Hinton: "A Simple Framework for Contrastive Learning of Visual
Representations", ICML 2020, arXiv 2002.05709.
"""

from __future__ import annotations

from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.simclr import info_nce
from manyviews.method import Method
from manyviews.nn import embed_by_shape, projector
from manyviews.ranges import Positive, Size, within_ranges


class SimCLR(Method):
    """SimCLR trains with the NT-Xent loss on two views.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of the projector's hidden layer; 2048 in the paper.
        projection_dim: P, 128 in the paper.
        temperature: tau of eq. 1; 0.1 in the paper.
    """

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        temperature: Positive = 0.1,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False, ending=nn.BatchNorm1d(projection_dim))
        self.temperature = temperature

    def step(self, batch: Batch) -> Output:
        """Return the loss of eq. 1; both views share one forward pass, as in the authors' code."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        loss = info_nce(*projection, temperature=self.temperature)
        return Output(loss, embedding, projection, {})
