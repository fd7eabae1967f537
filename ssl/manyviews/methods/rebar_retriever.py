"""REBAR, first stage: a net that rebuilds what is hidden of a window from the window itself.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", ICLR 2024, arXiv 2311.00519. Official code maxxu05/rebar.
Deviations: the last step of a window may be hidden, too; the loss is a mean by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.rebar import Reduction, reconstruction_error
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import masks
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class RebarRetriever(Method):
    """Contiguous masks: what lies inside cannot be interpolated, it has to be looked up.

    Args:
        backbone: see `Method`; a `CrossAttention`.
        optimizer: see `Method`.
        schedule: see `Method`.
        seed: of the run; handed over. The masks of a step follow from it.
        mask_length: L, hidden steps of a window; 15 of 128, 300 of 2,500 and of 3,840 in the paper.
        reduction: of the squared errors; "sum" in the official code.
        regularizers: see `Method`.
    """

    reads: ClassVar = "series"
    views_read: ClassVar = (1, 1)
    compares_rows: ClassVar = False
    compares_rows = False

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        seed: int,
        mask_length: int,
        reduction: Reduction = "mean",
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if not isinstance(backbone, CrossAttention):
            raise ConfigError(
                "rebar_retriever trains the measure of REBAR, not "
                f"{type(backbone).__name__}; type backbone=cross_attention"
            )
        super().__init__(backbone, optimizer, schedule, regularizers)
        self.seed, self.mask_length = seed, mask_length
        self.reduction: Reduction = reduction

    def step(self, batch: Batch) -> Output:
        """Squared error of the hidden steps; the candidate is the whole window itself."""
        window, net = batch.views[0], cast(CrossAttention, self.backbone)
        steps = window.shape[-1]
        if not 0 < self.mask_length < steps:
            raise ConfigError(
                f"method.mask_length={self.mask_length} of windows of {steps} steps; "
                f"allowed: 1 to {steps - 1}"
            )
        known = window.nan_to_num()  # the mean of the channel where nothing was measured
        args = self.seed, self.global_step, batch.position, steps, self.mask_length
        hidden = masks.contiguous(*args)
        rebuilt = net.reconstruct(known, ~hidden, known)
        loss = reconstruction_error(rebuilt, window, hidden, reduction=self.reduction)
        embedding = net(known)[None]
        return Output(loss, embedding, embedding, {})
