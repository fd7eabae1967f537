"""I-VNE+: the views of an image agree, and the VNE regularizer spreads their eigenvalues.

Kim, Kang, Hwang, Shin, Rhee: "VNE: An Effective Method for Improving Deep Representation by
Manipulating Eigenvalue Distribution", CVPR 2023, arXiv 2304.01434. With `regularizer=ivne` (VNE,
weight 1) the sum is the loss of jaeill/CVPR23-VNE@c63961b.
Deviations: no 1-D tensor has weight decay (the code exempts names with "bn" or "bias"); with
several ranks the entropy is that of the global batch.
"""

from __future__ import annotations

import math

from torch import nn

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.ivne import mean_cosine
from manyviews.method import Method
from manyviews.nn import embed_by_shape, project_by_shape, projector
from manyviews.ranges import NotNegative, Size, within_ranges


class IVNE(Method):
    """A plain siamese network, without momentum encoder, predictor or stopped gradient.

    Args:
        backbone: the network to pretrain.
        hidden_dim: width of both hidden layers of the projector; 2048 in the paper.
        projection_dim: P, 256 in the paper.
        cosine_weight: alpha_1; None means ln min(N, P), which gives both terms the same range (the
            paper has ln 64 at batch 64).
    """

    views_read = (2, None)

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        hidden_dim: Size,
        projection_dim: Size,
        cosine_weight: NotNegative | None = None,
    ) -> None:
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True, ending=nn.BatchNorm1d(projection_dim))
        self.cosine_weight, self.projection_dim = cosine_weight, projection_dim

    def step(self, batch: Batch) -> Output:
        """Return -alpha_1 times the mean cosine; views of one resolution share a forward pass."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = project_by_shape(self.projector, embedding, batch.views)
        cosine, weight = mean_cosine(projection), self.cosine_weight
        if weight is None:
            rows = len(batch.position) * distributed.world_size()
            weight = math.log(min(rows, self.projection_dim))
        logs = {"train/loss/cosine": cosine}
        return Output(-weight * cosine, embedding, projection, logs)
