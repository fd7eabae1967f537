"""I-VNE+: the views of an image agree, and the VNE slot spreads their spectrum.

Kim, Kang, Hwang, Shin, Rhee: "VNE: An Effective Method for Improving Deep Representation by
Manipulating Eigenvalue Distribution", CVPR 2023, arXiv 2304.01434. With `regularizer=ivne` (VNE,
weight 1) the sum is the loss of jaeill/CVPR23-VNE@c63961b.
Deviations: no 1-D tensor is decayed (the code exempts names with "bn" or "bias"); under several
ranks the entropy is that of the joined batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import nn

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.ivne import mean_cosine
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_by_shape, project_by_shape, projector
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class IVNE(Method):
    """A plain siamese network: no momentum, no predictor, no stopped gradient.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        hidden_dim: width of both hidden layers of the projector; 2048 in the paper.
        projection_dim: P, 256 in the paper.
        cosine_weight: alpha_1; None: ln min(N, P), so that both terms reach as far (the paper has
            ln 64 at batch 64).
        regularizers: see `Method`.
    """

    views_read = (2, None)

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        hidden_dim: int,
        projection_dim: int,
        cosine_weight: float | None = None,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=True, ending=nn.BatchNorm1d(projection_dim))
        self.cosine_weight, self.projection_dim = cosine_weight, projection_dim

    def step(self, batch: Batch) -> Output:
        """-alpha_1 times the mean cosine; views of a resolution pass the network together."""
        embedding = embed_by_shape(self.backbone, batch.views)
        projection = project_by_shape(self.projector, embedding, batch.views)
        cosine, weight = mean_cosine(projection), self.cosine_weight
        if weight is None:
            rows = len(batch.position) * distributed.world_size()
            weight = math.log(min(rows, self.projection_dim))
        logs = {"train/loss/cosine": cosine}
        return Output(-weight * cosine, embedding, projection, logs)
