"""Parts that methods share: projection heads, ways to embed several views, momentum encoders."""

from manyviews.nn.average import move_towards
from manyviews.nn.batch_norm import synchronise
from manyviews.nn.embed import embed_by_shape, embed_each, project_by_shape
from manyviews.nn.gate import (
    Gate,
    PartnerPolicy,
    closed_gate_warning,
    draw_partners,
    gate_panels,
    require_enough_classes,
)
from manyviews.nn.heads import projector
from manyviews.nn.momentum import Momentum

__all__ = [
    "Gate",
    "Momentum",
    "PartnerPolicy",
    "closed_gate_warning",
    "draw_partners",
    "embed_by_shape",
    "embed_each",
    "gate_panels",
    "move_towards",
    "project_by_shape",
    "projector",
    "require_enough_classes",
    "synchronise",
]
