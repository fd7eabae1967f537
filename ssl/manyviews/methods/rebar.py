"""REBAR: of a series' own windows the one that rebuilds the anchor best is its positive.

Xu, Moreno, Wei, Marlin, Rehg: "REBAR: Retrieval-Based Reconstruction for Time-series Contrastive
Learning", ICLR 2024, arXiv 2311.00519. Official code maxxu05/rebar.
Deviations, each with its switch: all candidates are scored on one mask (`mask_sharing`), and the
mean over the batch is not divided by its size again (`divide_by_batch`). Anchors and candidates
pass the encoder together: batch norm, where a backbone has it, sees them as one batch.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
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
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import embed_by_shape, masks, move_towards, projector, window_distances
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer

SHOWN = 4  # anchors in the report
Retrieval = Literal["rebar", "sliding_mse", "spectrum", "random", "oracle"]
Average = Literal["swa", "ema", "none"]


class Rebar(Method):
    """The first view is the anchor, the others are its candidates, of the same person.

    Args:
        backbone: see `Method`. With an average it is the average; the net that learns is `encoder`.
        optimizer: see `Method`.
        schedule: see `Method`.
        seed: of the run; handed over. The masks of a step follow from it.
        retriever: handed over; the trained measure, which stays as it is. None where the positives
            need none.
        positives: what chooses them: the measure; the error of the best shift; the spectrum; a
            draw; or, as the upper bound, the class.
        temperature: tau; 0.1, 10 and 0.001 in the paper.
        between_weight: alpha; 0 or 0.5 in the paper.
        mask_sharing: see `masks.intermittent`; "per_candidate" in the official code.
        divide_by_batch: the loss by the size of the batch, once more, as the official code.
        average: of the encoder, in `backbone`: "swa" weighs all steps and the random start the
            same, as the official code; "ema" forgets; "none": `backbone` is the net that learns.
        average_decay: of "ema": share that stays at each step.
        projection_dim: P of a head of two layers; null: no head, as in the paper.
        regularizers: see `Method`.
    """

    reads: ClassVar = "series"
    views_read: ClassVar = (2, None)

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        seed: int,
        retriever: CrossAttention | None,
        positives: Retrieval = "rebar",
        temperature: float = 0.1,
        between_weight: float = 0.5,
        mask_sharing: masks.Sharing = "shared",
        divide_by_batch: bool = False,
        average: Average = "swa",
        average_decay: float = 0.999,
        projection_dim: int | None = None,
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if temperature <= 0 or not 0 <= between_weight <= 1:
            raise ConfigError(
                f"method.temperature={temperature}, method.between_weight={between_weight}; "
                "allowed: above 0, and 0 to 1"
            )
        if positives == "rebar" and retriever is None:
            raise ConfigError("method.positives=rebar needs a trained rebar_retriever")
        super().__init__(backbone, optimizer, schedule, regularizers)
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
        self.mask_sharing: masks.Sharing = mask_sharing
        self.divide_by_batch = divide_by_batch
        self.average: Average = average
        self.average_decay = average_decay

    def step(self, batch: Batch) -> Output:
        """Contrast of the retrieved candidates."""
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
        if self.positives not in ("random", "oracle"):  # whose distances are draws
            logs["health/positive_error"] = distance.amin(0).mean()
        if batch.view_label is not None:
            logs["health/positive_precision"] = window_distances.precision(
                batch.view_label, positive
            )
        return Output(loss, embedding, projection, logs)

    @torch.no_grad()
    def distances(self, batch: Batch) -> Float[Tensor, "K B"]:
        """Of each candidate from its anchor, without gradient and outside autocast."""
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
        """Errors of half the steps of the anchor, rebuilt from each candidate."""
        retriever = cast(CrossAttention, self.retriever)  # the constructor sees to it
        steps = anchor.shape[-1]
        hidden = masks.intermittent(
            self.seed, self.global_step, position, steps, len(candidates), self.mask_sharing
        )
        return distances(retriever, anchor, candidates, ~hidden, missing=steps // 2)

    @torch.no_grad()
    def pictures(self, batch: Batch, embedding: Float[Tensor, "N D"]) -> dict[str, Tensor]:
        """What the measure retrieves for a few anchors, as `report/retrieval.py` draws it."""
        if self.retriever is None:
            return {}
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
        shown = {
            "anchor": anchor,
            "label": label[0, :SHOWN],
            "candidates": candidates.transpose(0, 1),
            "candidate_label": label[1:, :SHOWN].mT,
            "error": error.mT,
            "observed": ~hidden,
            "attention": attention[hidden],
            "reconstruction": self.retriever.reconstruct(anchor, ~hidden[None], best),
        }
        return {f"retrieval_{name}": value for name, value in shown.items()}

    def on_train_start(self) -> None:
        """At step 0 the net begins as the average does, whose weights may have been loaded."""
        if self.global_step == 0 and self.encoder is not None:
            self.encoder.load_state_dict(self.backbone.state_dict())

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Lightning calls it once per optimizer step; behind it the average follows."""
        super().optimizer_step(*args, **kwargs)
        if self.encoder is not None:
            done = self.global_step + 1  # Lightning counts this step when the hook is over
            share = 1 / (done + 1) if self.average == "swa" else 1 - self.average_decay
            move_towards(self.backbone, self.encoder, share)
