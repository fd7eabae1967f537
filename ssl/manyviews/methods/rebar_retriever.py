"""REBAR, first stage: a network that learns to reconstruct masked parts of a window.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", ICLR 2024, arXiv 2311.00519. Official code maxxu05/rebar.
Deviations: the last step of a window may be masked, too; the loss is a mean by default.
"""

from __future__ import annotations

from typing import ClassVar, cast

from manyviews.backbones.backbone import Backbone
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.rebar import Reduction, reconstruction_error
from manyviews.method import Method
from manyviews.nn import masks
from manyviews.ranges import Size, within_ranges


class RebarRetriever(Method):
    """Train the cross-attention network that later measures which windows are alike.

    Masks are contiguous: what they hide cannot be interpolated, it has to be looked up elsewhere in
    the window.

    Args:
        backbone: the network to train; a `CrossAttention`.
        seed: seed of the run, from which the masks of a step follow.
        mask_length: L, number of masked steps; in the paper 15 of 128, 300 of 2,500, 300 of 3,840.
        reduction: "mean" or "sum" of the squared errors; "sum" in the official code.
    """

    reads: ClassVar = "series"
    views_read: ClassVar = (1, 1)
    fitting_views: ClassVar = "window"
    compares_rows: ClassVar = False
    needs: ClassVar = ("seed",)

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        seed: int,
        mask_length: Size,
        reduction: Reduction = "mean",
    ) -> None:
        if not isinstance(backbone, CrossAttention):
            raise ConfigError(
                "rebar_retriever trains the measure of REBAR, not "
                f"{type(backbone).__name__}; type backbone=cross_attention"
            )
        super().__init__(backbone)
        self.seed, self.mask_length = seed, mask_length
        self.reduction: Reduction = reduction

    def step(self, batch: Batch) -> Output:
        """Return the squared error of the masked steps, reconstructed from the window itself."""
        window, net = batch.views[0], cast(CrossAttention, self.backbone)
        steps = window.shape[-1]
        if not 0 < self.mask_length < steps:
            raise ConfigError(
                f"method.mask_length={self.mask_length} of windows of {steps} steps; "
                f"allowed: 1 to {steps - 1}"
            )
        known = window.nan_to_num()  # a missing value becomes 0, the mean of a normalised channel
        args = self.seed, self.global_step, batch.position, steps, self.mask_length
        hidden = masks.contiguous(*args)
        rebuilt = net.reconstruct(known, ~hidden, known)
        loss = reconstruction_error(rebuilt, window, hidden, reduction=self.reduction)
        embedding = net(known)[None]
        return Output(loss, embedding, embedding, {})
