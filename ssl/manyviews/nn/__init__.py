"""Parts shared by methods: heads, the ways to embed several views, the network that follows."""

from manyviews.nn.average import move_towards
from manyviews.nn.batch_norm import synchronise
from manyviews.nn.embed import embed_by_shape, embed_each, project_by_shape
from manyviews.nn.gate import Gate, Positives, check_classes, closed, open_shares, partners
from manyviews.nn.heads import projector
from manyviews.nn.momentum import Momentum

__all__ = [
    "Gate",
    "Momentum",
    "Positives",
    "check_classes",
    "closed",
    "embed_by_shape",
    "embed_each",
    "move_towards",
    "open_shares",
    "partners",
    "project_by_shape",
    "projector",
    "synchronise",
]
