"""Pictures for the report: a few samples with their views, and nearest neighbours of test items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from manyviews.datamodules.module import ViewData
from manyviews.evaluation.features import Features
from manyviews.evaluation.knn import search

SHOWN = 8  # samples, if none is named


def views_of(
    data: ViewData[Any, Any], rows: Int64[Tensor, " B"], epoch: int
) -> dict[str, UInt8[np.ndarray, "B C H W"]]:
    """Return pictures of these training rows and of the views that they have in an epoch."""
    views = enumerate(data.batch(rows, epoch).views)
    shown = {f"view_{v}": data.pictures(view) for v, view in views}
    return {"originals": data.originals(data.trained, rows), **shown}


def some(data: ViewData[Any, Any], count: int = SHOWN) -> Int64[Tensor, " B"]:
    """Return a few rows of the training split, from as many classes as there are."""
    return spread(data.trained.label, count)


def spread(label: Tensor, count: int) -> Tensor:
    """Rows of `count` items, as many classes among them as there are."""
    turn = torch.zeros_like(label)
    for c in label.unique():
        rows = label == c
        turn[rows] = torch.arange(int(rows.sum()))
    return torch.argsort(turn * (int(label.max()) + 2) + label, stable=True)[:count]


def neighbours(
    train: Features,
    test: Features,
    train_picture: Callable[[Tensor], np.ndarray],
    test_picture: Callable[[Tensor], np.ndarray],
    *,
    queries: int = 10,
    k: int = 5,
) -> Mapping[str, np.ndarray]:
    """The k nearest train items of a few test items, one class after the other.

    Args:
        train: the bank.
        test: of which some are the queries.
        train_picture: uint8 pictures (B, C, H, W) at positions (B,) of the train split.
        test_picture: the same of the test split.
        queries: how many.
        k: neighbours of each.
    """
    chosen = spread(test.label, queries)
    similarity, row = search(train.embedding, test.embedding[chosen], min(k, len(train.label)))
    near = train_picture(train.position[row].flatten())
    return {
        "queries": test_picture(test.position[chosen]),
        "query_label": test.label[chosen].numpy(),
        "neighbours": near.reshape(*row.shape, *near.shape[1:]),
        "neighbour_label": train.label[row].numpy(),
        "neighbour_similarity": similarity.numpy(),
    }
