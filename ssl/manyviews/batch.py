"""The records that data, methods and callbacks exchange, and the letters of their shapes.

V views, B rows of this rank's batch, N rows of all ranks or number of samples, C channels,
H height, W width, T time steps, D embedding, P projection, K prototypes, candidates or neighbours,
M classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

BUILD = "yield Batch(views=[view, view], label=label, position=rows) of manyviews.batch"


class Sample(NamedTuple):
    """Raw items as the data module yields them, before views are made.

    Attributes:
        input: uint8 images (B, C, H, W) or float series (B, C, T). If the data module has cut the
            views already, a list with one such tensor per view.
        label: int64 (B,), class of each item, -1 if unknown.
        position: int64 (B,), row of each item in its data set; random numbers depend on it.
        view_label: int64 (V, B), class of each view, or None if all views have the item's class.
            Views that are different windows of a recording may differ in class.
        group: int64 (B,), number of the patient, video or subject that each item shows, -1 if it is
            unknown; None if the data set has no groups.
    """

    input: Any
    label: Tensor
    position: Tensor
    view_label: Tensor | None = None
    group: Tensor | None = None


class Batch(NamedTuple):
    """The input of a method's `step`.

    Attributes:
        views: one float tensor (B, C, H, W) or (B, C, T) per view, large views first.
        label: int64 (B,), class of each item, -1 if unknown.
        position: int64 (B,), row of each item in its data set.
        view_label: int64 (V, B), class of each view, -1 if unknown, or None as in `Sample`. It is
            there for control experiments and for logs, not for training.
    """

    views: list[Tensor]
    label: Tensor
    position: Tensor
    view_label: Tensor | None = None


class Output(NamedTuple):
    """The result of a method's `step`; regularizers, probes and callbacks read it, too.

    Attributes:
        loss: scalar (), to be minimised.
        embedding: backbone output (V, B, D); V may be smaller than the number of views.
        projection: head output (V, B, P).
        logs: scalars () by their full name in the logs, for example "train/loss/invariance" or
            "health/gate_open".
    """

    loss: Tensor
    embedding: Tensor
    projection: Tensor
    logs: dict[str, Tensor]


def as_batch(given: Any) -> Batch:
    """Return what a loader yields as a batch; a pair of views and labels becomes one.

    The positions of a pair are 0..B-1. Methods that draw random numbers for each item need the true
    ones, and thus a `Batch`.

    Args:
        given: a `Batch`; or (views, label) with a tensor per view, or one tensor for a single view.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(given, Batch):
        return given
    if not (isinstance(given, list | tuple) and len(given) == 2):
        size = f" of {len(given)}" if isinstance(given, list | tuple) else ""
        raise ValueError(f"a batch is a {type(given).__name__}{size}; {BUILD}")
    views, label = given
    views = [views] if isinstance(views, Tensor) else views
    tensors = isinstance(views, list | tuple) and all(isinstance(view, Tensor) for view in views)
    if not tensors or not isinstance(label, Tensor):
        raise ValueError(f"the two parts of a batch are no views and labels; {BUILD}")
    return Batch([*views], label, torch.arange(len(label), device=label.device))


def check(batch: Batch) -> Batch:
    """Return the batch if its shapes and types fit together.

    Raises:
        ValueError: if they do not; the message names the view, or says that it is the labels.
    """
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
            f"labels are {batch.label.dtype} {tuple(batch.label.shape)}; "
            f"expected torch.int64 ({rows},)"
        )
    return batch
