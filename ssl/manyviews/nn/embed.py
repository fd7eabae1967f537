"""Ways to embed several views, which differ in the rows that share batch norm statistics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn


def embed_each(
    backbone: nn.Module, views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B D"]:
    """Embed the views one by one: batch norm sees a single view at a time (Barlow Twins, TiCo).

    Args:
        backbone: maps a view to embeddings (B, D).
        views: images or series; shapes may differ.
    """
    return torch.stack([backbone(view) for view in views])


def embed_by_shape(
    backbone: nn.Module, views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B D"]:
    """Embed neighbouring views of equal shape in one pass: they share statistics (SwAV).

    Args:
        backbone: maps a view to embeddings (B, D).
        views: images or series, the views of one resolution next to each other.
    """
    rows = len(views[0])
    # One forward pass per group, on the rows of all its views, then split into views again.
    groups = [list(group) for _, group in groupby(views, key=lambda view: view.shape)]
    return torch.cat([backbone(torch.cat(g)).view(len(g), rows, -1) for g in groups])


def project_by_shape(
    projector: nn.Module, embedding: Float[Tensor, "V B D"], views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B P"]:
    """Project the embeddings in the same groups in which `embed_by_shape` made them (I-VNE+).

    Args:
        projector: maps embeddings (rows, D) to projections (rows, P).
        embedding: from `embed_by_shape`.
        views: the views they were made from; only their shapes are read.
    """
    counts = [len(list(group)) for _, group in groupby(views, key=lambda view: view.shape)]
    groups = [projector(g.flatten(0, 1)).unflatten(0, g.shape[:2]) for g in embedding.split(counts)]
    return torch.cat(groups)
