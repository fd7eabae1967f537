"""Hydra, later SimLAP: pairs of arbitrary classes agree in a subspace that a gate selects.

"Simple Representation Learning from Arbitrary Pairs", 2024, arXiv 2410.18200; the variant without a
momentum encoder. Official code erow/hydra (main_cl.py, filter.py). It needs labels.
Deviation: the partners are a permutation of the labels of all ranks, not of each rank's labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.losses.hydra import Mode, symmetric_pairs
from manyviews.method import Examples, Method
from manyviews.nn import (
    Gate,
    PartnerPolicy,
    closed_gate_warning,
    draw_partners,
    embed_each,
    gate_panels,
    projector,
    require_enough_classes,
)
from manyviews.panels import Panel
from manyviews.ranges import Positive, Size, within_ranges


class Hydra(Method):
    """Hydra contrasts pairs of classes on two views, in the dimensions that a gate opens.

    Args:
        backbone: the network to pretrain.
        seed: seed of the run, from which the partners of a step follow.
        classes: number of classes.
        hidden_dim: width of both hidden layers of the projector; 2048 in the paper.
        projection_dim: P, 256 in the paper.
        gate: "learned", or "open" to let every dimension count for every pair.
        gate_embedding_dim: size of the embedding of a class; 512 in the paper.
        gate_hidden_dim: width of the gate's hidden layer; 1024 in the paper.
        positives: which class is the positive partner of a row; see `draw_partners`.
        temperature: tau; 0.1 in the paper.
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
        gate: Literal["learned", "open"] = "learned",
        gate_embedding_dim: Size = 512,
        gate_hidden_dim: Size = 1024,
        positives: PartnerPolicy = "arbitrary",
        temperature: Positive = 0.1,
        mode: Mode = "cosine",
    ) -> None:
        require_enough_classes(classes, positives)
        super().__init__(backbone)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        # A norm at the end keeps the gates from closing (the authors' remark).
        self.projector = projector(widths, bias=False, ending=nn.LayerNorm(projection_dim))
        gate_widths = [gate_embedding_dim, gate_hidden_dim, projection_dim]
        self.gate = Gate(classes, gate_widths) if gate == "learned" else None
        self.seed, self.classes = seed, classes
        self.positives: PartnerPolicy = positives
        self.temperature, self.projection_dim = temperature, projection_dim
        self.mode: Mode = mode

    def step(self, batch: Batch) -> Output:
        """Return the contrast in both directions, with the same partners."""
        embedding = embed_each(self.backbone, batch.views)
        projection = torch.stack([self.projector(h) for h in embedding])
        partner = draw_partners(
            batch.label, self.positives, self.classes, seed=self.seed, step=self.global_step
        )
        mask = self.mask(batch.label, partner)
        options = {"temperature": self.temperature, "mode": self.mode}
        loss = symmetric_pairs(projection, projection, mask, batch.label, partner, **options)
        logs = {"health/gate_open": mask.detach().mean()}
        return Output(loss, embedding, projection, logs)

    def collapse(self, logs: Mapping[str, float]) -> dict[str, str]:
        """Report collapse if the gates are closed for all pairs."""
        return closed_gate_warning(logs["health/gate_open"])

    def panels(self, examples: Examples) -> list[Panel]:
        """Return how far the gate of each pair of classes is open."""
        return gate_panels(self.gate, examples.class_names)

    def mask(
        self, label: Int64[Tensor, " B"], partner: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B P"]:
        """Return how far each dimension is open (0 to 1) for each pair of classes."""
        if self.gate is None:
            return torch.ones(len(label), self.projection_dim, device=label.device)
        return self.gate(label, partner)
