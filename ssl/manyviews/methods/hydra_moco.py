"""Hydra on MoCo v3: instance contrast and gated class contrast with a momentum encoder.

"Hydra", 2024, arXiv 2410.18200, first version. Official code erow/hydra (main_moco.py, builder.py).
It needs labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.hydra import Mode, symmetric_pairs
from manyviews.losses.moco import moco
from manyviews.method import Examples, Method
from manyviews.nn import (
    Gate,
    Momentum,
    PartnerPolicy,
    closed_gate_warning,
    draw_partners,
    embed_each,
    gate_panels,
    projector,
    require_enough_classes,
)
from manyviews.panels import Panel
from manyviews.ranges import NotNegative, Positive, Share, Size, within_ranges


class HydraMoCo(Method):
    """HydraMoCo minimises (instance + beta * pairs) / (1 + beta).

    Args:
        backbone: the network to pretrain.
        seed: seed of the run, from which the partners of a step follow.
        classes: number of classes.
        hidden_dim: width of the hidden layers of projector and predictor; 4096 in the code.
        projection_dim: P, 256 in the code.
        gate_embedding_dim: size of the embedding of a class; 512 in the code.
        gate_hidden_dim: width of the gate's hidden layer; 1024 in the code.
        positives: which class is the positive partner of a row; see `draw_partners`.
        beta: weight of the contrast of pairs; 1 in the code.
        temperature: tau of both terms; in the code 1 for ResNet-50, 0.2 for ViT.
        momentum: of the key network at the first step, 0.99 to 0.996 in the code; it rises to 1
            along half a cosine.
        mode: similarity of gated projections; see `arbitrary_pairs`.
    """

    needs = ("seed", "classes")

    @within_ranges
    def __init__(
        self,
        backbone: Backbone,
        *,
        seed: int,
        classes: int,
        hidden_dim: Size,
        projection_dim: Size,
        gate_embedding_dim: Size = 512,
        gate_hidden_dim: Size = 1024,
        positives: PartnerPolicy = "arbitrary",
        beta: NotNegative = 1.0,
        temperature: Positive = 0.2,
        momentum: Share = 0.99,
        mode: Mode = "cosine",
    ) -> None:
        require_enough_classes(classes, positives)
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        self.projector = projector(widths, bias=False, ending=nn.LayerNorm(projection_dim))
        self.predictor = projector([projection_dim, hidden_dim, projection_dim], bias=False)
        self.keys = Momentum([backbone, self.projector], momentum)
        self.gate = Gate(classes, [gate_embedding_dim, gate_hidden_dim, projection_dim])
        self.seed, self.classes = seed, classes
        self.positives: PartnerPolicy = positives
        self.beta, self.temperature = beta, temperature
        self.mode: Mode = mode

    def step(self, batch: Batch) -> Output:
        """Return both terms, each in both directions."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        query = torch.stack([self.predictor(z) for z in projection])
        key = torch.stack([self.keys(view) for view in batch.views])
        tau = self.temperature
        instance = (moco(query[0], key[1], temperature=tau)
                    + moco(query[1], key[0], temperature=tau)) / 2  # fmt: skip
        partner = draw_partners(
            batch.label, self.positives, self.classes, seed=self.seed, step=self.global_step
        )
        mask = self.gate(batch.label, partner)
        options = {"temperature": tau, "mode": self.mode}
        pairs = symmetric_pairs(query, key, mask, batch.label, partner, **options)
        loss = (instance + self.beta * pairs) / (1 + self.beta)
        logs = {
            "train/loss/instance": instance,
            "train/loss/pairs": pairs,
            "health/gate_open": mask.detach().mean(),
        }
        return Output(loss, embedding, projection, logs)

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Report collapse if the gates are closed for all pairs."""
        return closed_gate_warning(logs["health/gate_open"])

    def panels(self, examples: Examples) -> list[Panel]:
        """Return how far the gate of each pair of classes is open."""
        return gate_panels(self.gate, examples.class_names)

    def begin_step(self) -> None:
        """Move the key network towards the trained one."""
        original = [self.backbone, self.projector]
        self.keys.follow(original, self.global_step, self.total_steps)
