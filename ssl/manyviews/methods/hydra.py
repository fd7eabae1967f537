"""Hydra, later SimLAP: pairs of arbitrary classes agree in the subspace that a gate opens.

"Simple Representation Learning from Arbitrary Pairs", 2024, arXiv 2410.18200; the form without a
momentum network. Official code erow/hydra (main_cl.py, filter.py). It needs labels.
Deviation: the partners are a permutation of the labels of all ranks, not of each rank's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews.backbones.backbone import Backbone
from manyviews.batch import Batch, Output
from manyviews.errors import ConfigError
from manyviews.losses.hydra import Mode, symmetric_pairs
from manyviews.method import Method, OptimizerFactory
from manyviews.nn import (
    Gate,
    PartnerPolicy,
    closed_gate_warning,
    draw_partners,
    embed_each,
    mean_gates,
    projector,
    require_enough_classes,
)
from manyviews.optim import Schedule
from manyviews.regularizers import Regularizer


class Hydra(Method):
    """Gated contrast between classes on two views.

    Args:
        backbone: see `Method`.
        optimizer: see `Method`.
        schedule: see `Method`.
        seed: of the run; handed over. The partners of a step follow from it.
        classes: how many there are; handed over.
        hidden_dim: width of both hidden layers of the projector; 2048 in the paper.
        projection_dim: P, 256 in the paper.
        gate: "learned", or "open": every dimension counts for every pair.
        gate_embedding_dim: of a class; 512 in the paper.
        gate_hidden_dim: 1024 in the paper.
        positives: the class whose keys attract a row, see `draw_partners`.
        temperature: tau; 0.1 in the paper.
        mode: see `arbitrary_pairs`.
        regularizers: see `Method`.
    """

    def __init__(
        self,
        backbone: Backbone,
        optimizer: OptimizerFactory,
        schedule: Schedule,
        *,
        seed: int,
        classes: int,
        hidden_dim: int,
        projection_dim: int,
        gate: Literal["learned", "open"] = "learned",
        gate_embedding_dim: int = 512,
        gate_hidden_dim: int = 1024,
        positives: PartnerPolicy = "arbitrary",
        temperature: float = 0.1,
        mode: Mode = "cosine",
        regularizers: Mapping[str, Regularizer] | None = None,
    ) -> None:
        if temperature <= 0:
            raise ConfigError(f"method.temperature={temperature}; allowed: above 0")
        require_enough_classes(classes, positives)
        super().__init__(backbone, optimizer, schedule, regularizers)
        widths = [backbone.embedding_dim, hidden_dim, hidden_dim, projection_dim]
        # The authors: a batch norm at the end keeps the gates from closing.
        self.projector = projector(widths, bias=False, ending=nn.LayerNorm(projection_dim))
        gate_widths = [gate_embedding_dim, gate_hidden_dim, projection_dim]
        self.gate = Gate(classes, gate_widths) if gate == "learned" else None
        self.seed, self.classes = seed, classes
        self.positives: PartnerPolicy = positives
        self.temperature, self.projection_dim = temperature, projection_dim
        self.mode: Mode = mode

    def step(self, batch: Batch) -> Output:
        """The contrast in both directions, with the same partners."""
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
        """Gates that are closed for all pairs."""
        return closed_gate_warning(logs["health/gate_open"])

    def pictures(self, batch: Batch, embedding: Float[Tensor, "N D"]) -> dict[str, Tensor]:
        """The gates of all pairs of classes."""
        return mean_gates(self.gate)

    def mask(
        self, label: Int64[Tensor, " B"], partner: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B P"]:
        """Share of each dimension that is open for each pair."""
        if self.gate is None:
            return torch.ones(len(label), self.projection_dim, device=label.device)
        return self.gate(label, partner)
