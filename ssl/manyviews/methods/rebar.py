"""REBAR: the window of the same series that reconstructs the anchor best is its positive.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", ICLR 2024, arXiv 2311.00519. Official code maxxu05/rebar.
Deviations, each with its switch: all candidates are scored with the same mask (`mask_sharing`), and
the mean over the batch is not divided by the batch size a second time (`divide_by_batch`). Anchors
and candidates share one forward pass: batch norm, if the backbone has it, sees them as one batch.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Literal, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.rebar.candidate_distances import distances
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.rebar import retrieval_contrast
from manyviews.method import Examples, Method
from manyviews.nn import embed_by_shape, masks, move_towards, projector, window_distances
from manyviews.nn.masks import Sharing
from manyviews.nn.retrieval_panel import Retrieved, retrieval_panel
from manyviews.panels import Panel
from manyviews.ranges import Positive, Share, Size, within_ranges

SHOWN = 4  # number of anchors in the report
Retrieval = Literal["rebar", "sliding_mse", "spectrum", "random", "oracle"]
Average = Literal["swa", "ema", "none"]


class Rebar(Method):
    """REBAR reads an anchor (the first view) and candidates from the same subject (the others).

    Args:
        backbone: the network to pretrain. With `average` it holds the average of the weights, and
            the network that the optimizer trains is `encoder`.
        seed: seed of the run, from which the masks of a step follow.
        retriever: the trained network that measures how well a candidate reconstructs the anchor;
            it stays frozen. None unless `positives` is "rebar".
        positives: how the positive candidate is chosen: "rebar", the smallest reconstruction error;
            "sliding_mse", the smallest squared error over shifts; "spectrum", the nearest Fourier
            magnitudes; "random"; or "oracle", a candidate of the same class, as an upper bound.
        temperature: tau; 0.1, 10 and 0.001 in the paper.
        between_weight: alpha, weight of the contrast between subjects; 0 or 0.5 in the paper.
        mask_sharing: see `masks.intermittent`; "per_candidate" in the official code.
        divide_by_batch: whether the loss is divided by the batch size, as in the official code.
        average: how `backbone` averages the encoder's weights: "swa" weighs all steps and the
            random start equally, as in the official code; "ema" is an exponential moving average;
            "none" trains `backbone` itself.
        average_decay: share of the average that "ema" keeps at each step.
        projection_dim: P of a two-layer projection head; None for no head, as in the paper.
    """

    reads: ClassVar = "series"
    views_read: ClassVar = (2, None)
    fitting_views: ClassVar = "rebar"
    needs: ClassVar = ("seed",)
    trained_first: ClassVar = {"retriever": "rebar_retriever"}

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        seed: int,
        retriever: CrossAttention | None,
        positives: Retrieval = "rebar",
        temperature: Positive = 0.1,
        between_weight: Share = 0.5,
        mask_sharing: Sharing = "shared",
        divide_by_batch: bool = False,
        average: Average = "swa",
        average_decay: Share = 0.999,
        projection_dim: Size | None = None,
    ) -> None:
        if positives == "rebar" and retriever is None:
            raise ConfigError("method.positives=rebar needs a trained rebar_retriever")
        super().__init__(backbone)
        self.encoder = None if average == "none" else copy.deepcopy(backbone)
        if self.encoder is not None:
            backbone.requires_grad_(False)
        width = backbone.embedding_dim
        self.projector = (
            projector([width, width, projection_dim], bias=False)
            if projection_dim
            else nn.Identity()
        )
        self.retriever = retriever
        if retriever is not None:
            retriever.requires_grad_(False).eval()
        self.seed, self.temperature, self.between_weight = seed, temperature, between_weight
        self.positives: Retrieval = positives
        self.mask_sharing: Sharing = mask_sharing
        self.divide_by_batch = divide_by_batch
        self.average: Average = average
        self.average_decay = average_decay

    def step(self, batch: Batch) -> Output:
        """Return the contrast of the anchor with its positive against the other candidates."""
        distance = self.distances(batch)
        positive = distance.argmin(0)
        embedding = embed_by_shape(
            self.backbone if self.encoder is None else self.encoder, batch.views
        )
        projection = self.projector(embedding.flatten(0, 1)).unflatten(0, embedding.shape[:2])
        parts = retrieval_contrast(
            projection[0],
            projection[1:],
            positive,
            temperature=self.temperature,
            between_weight=self.between_weight,
        )
        loss = parts.within + parts.between
        if self.divide_by_batch:
            loss = loss / (len(positive) * distributed.world_size())
        logs = {f"train/loss/{name}": value for name, value in parts._asdict().items()}
        if self.positives not in ("random", "oracle"):  # their distances are random numbers
            logs["health/positive_error"] = distance.amin(0).mean()
        if batch.view_label is not None:
            logs["health/positive_precision"] = window_distances.precision(
                batch.view_label, positive
            )
        return Output(loss, embedding, projection, logs)

    @torch.no_grad()
    def distances(self, batch: Batch) -> Float[Tensor, "K B"]:
        """Return the distance of each candidate from its anchor; no gradient, no autocast."""
        anchor, *others = (view.nan_to_num() for view in batch.views)
        candidates = torch.stack(others)
        with torch.autocast(anchor.device.type, enabled=False):
            if self.positives == "sliding_mse":
                return window_distances.sliding_mse(anchor, candidates)
            if self.positives == "spectrum":
                return window_distances.spectrum_distance(anchor, candidates)
            if self.positives == "rebar":
                return self._rebuilding(anchor, candidates, batch.position)
        random = window_distances.random_distances(
            self.seed, self.global_step, batch.position, len(candidates)
        )
        if self.positives == "random":
            return random
        if batch.view_label is None:
            raise ConfigError("method.positives=oracle needs classes; choose labelled data")
        return window_distances.oracle_distances(batch.view_label, random)

    def _rebuilding(
        self,
        anchor: Float[Tensor, "B C T"],
        candidates: Float[Tensor, "K B C T"],
        position: Int64[Tensor, " B"],
    ) -> Float[Tensor, "K B"]:
        """Return the error of half of the anchor's steps, reconstructed from each candidate."""
        retriever = cast(CrossAttention, self.retriever)  # the constructor checked that it is there
        steps = anchor.shape[-1]
        hidden = masks.intermittent(
            self.seed, self.global_step, position, steps, len(candidates), self.mask_sharing
        )
        return distances(retriever, anchor, candidates, ~hidden, missing=steps // 2)

    @torch.no_grad()
    def panels(self, examples: Examples) -> list[Panel]:
        """Return what is retrieved for a few anchors."""
        if self.retriever is None:
            return []
        batch = examples.batch
        anchor, *others = (view[:SHOWN].nan_to_num() for view in batch.views)
        candidates, steps = torch.stack(others), anchor.shape[-1]
        own = batch.position[:SHOWN]
        hidden = masks.intermittent(self.seed, 0, own, steps, len(candidates), "shared").view(-1)
        error = distances(self.retriever, anchor, candidates, ~hidden, missing=steps // 2)
        best = candidates[error.argmin(0), torch.arange(len(anchor))]
        attention = self.retriever.attention(anchor, ~hidden[None], best)[0]
        label = batch.view_label
        if label is None:
            label = torch.full((len(batch.views), len(batch.position)), -1)
        found = Retrieved(
            anchor=anchor,
            label=label[:, :SHOWN],
            candidates=candidates,
            error=error,
            hidden=hidden,
            attention=attention[hidden],
            rebuilt=self.retriever.reconstruct(anchor, ~hidden[None], best),
        )
        return [retrieval_panel(found, examples.drawn, examples.class_names)]

    def on_train_start(self) -> None:
        """Start the encoder from `backbone`, whose weights may have been loaded."""
        if self.global_step == 0 and self.encoder is not None:
            self.encoder.load_state_dict(self.backbone.state_dict())

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Take the optimizer step, then update the average; called once per optimizer step."""
        super().optimizer_step(*args, **kwargs)
        if self.encoder is not None:
            done = self.global_step + 1  # Lightning counts this step after the hook has returned
            share = 1 / (done + 1) if self.average == "swa" else 1 - self.average_decay
            move_towards(self.backbone, self.encoder, share)
