"""Two ways to embed views: they differ in the rows whose statistics batch norm shares."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn


def embed_each(
    backbone: nn.Module, views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B D"]:
    """One pass per view: statistics of each view by itself (Barlow Twins, TiCo)."""
    return torch.stack([backbone(view) for view in views])


def embed_by_shape(
    backbone: nn.Module, views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B D"]:
    """One pass per resolution: neighbouring views of equal shape share statistics (SwAV)."""
    rows = len(views[0])
    groups = [list(group) for _, group in groupby(views, key=lambda view: view.shape)]
    return torch.cat([backbone(torch.cat(g)).view(len(g), rows, -1) for g in groups])


def project_by_shape(
    projector: nn.Module, embedding: Float[Tensor, "V B D"], views: Sequence[Float[Tensor, "B ..."]]
) -> Float[Tensor, "V B P"]:
    """One pass of the head per resolution, as `embed_by_shape` of the backbone (I-VNE+)."""
    counts = [len(list(group)) for _, group in groupby(views, key=lambda view: view.shape)]
    groups = [projector(g.flatten(0, 1)).unflatten(0, g.shape[:2]) for g in embedding.split(counts)]
    return torch.cat(groups)
