"""Pictures for the report: nearest neighbours of a few test items."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from manyviews.evaluation.features import Features
from manyviews.evaluation.knn import search


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
