"""Parts shared by methods: heads and the ways to embed several views."""

from manyviews.nn.batch_norm import synchronise
from manyviews.nn.embed import embed_by_shape, embed_each
from manyviews.nn.heads import projector

__all__ = ["embed_by_shape", "embed_each", "projector", "synchronise"]
