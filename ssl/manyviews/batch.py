"""The records that travel between data, methods and callbacks, and the shape letters.

V views, B batch (of this rank), N global batch or number of samples, C channels, H W pixels,
T time steps, D embedding, P projection, K prototypes or neighbours, M classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Sample(NamedTuple):
    """Raw items as the data module yields them, before any view is made.

    Attributes:
        input: uint8 images (B, C, H, W) or float series (B, C, T); a list with one per view where
            the views are cut already.
        label: int64 (B,), -1 where unknown.
        position: int64 (B,), row of each item in its data set.
        view_label: int64 (V, B), class of each view where views are windows of their own.
    """

    input: Any
    label: Tensor
    position: Tensor
    view_label: Tensor | None = None


class Batch(NamedTuple):
    """What a method's `step` reads.

    Attributes:
        views: one float tensor (B, C, H, W) or (B, C, T) per view, large views first.
        label: int64 (B,), -1 where unknown.
        position: int64 (B,), row of each item in its data set.
        view_label: int64 (V, B), class of each view where views are windows of their own, -1 where
            unknown; for controls and for what is logged.
    """

    views: list[Tensor]
    label: Tensor
    position: Tensor
    view_label: Tensor | None = None


class Output(NamedTuple):
    """What a method's `step` returns; read by probes, regularizers, guards and panels.

    Attributes:
        loss: scalar ().
        embedding: backbone output (V, B, D); V may be smaller than the number of views.
        projection: head output (V, B, P).
        logs: scalars () by full name, `train/loss/<part>` or `health/<figure>`.
    """

    loss: Tensor
    embedding: Tensor
    projection: Tensor
    logs: dict[str, Tensor]


def check(batch: Batch) -> Batch:
    """The batch itself, or a ValueError that names the view which does not fit."""
    if not batch.views:
        raise ValueError("a batch needs at least 1 view, got 0")
    rows = len(batch.position)
    for v, view in enumerate(batch.views):
        if view.ndim < 3 or len(view) != rows or not view.is_floating_point():
            raise ValueError(
                f"view {v} is {view.dtype} {tuple(view.shape)}; "
                f"expected a float tensor with {rows} rows, channels and pixels or time steps"
            )
    if batch.label.shape != (rows,) or batch.label.dtype != torch.int64:
        raise ValueError(
            f"labels are {batch.label.dtype} {tuple(batch.label.shape)}, not ({rows},)"
        )
    return batch
