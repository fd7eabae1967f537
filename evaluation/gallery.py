"""Pictures for the report: views of a few images, and nearest neighbours of test images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from manyviews.evaluation.features import Features
from manyviews.evaluation.knn import search


def denormalised(
    view: Float[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> UInt8[np.ndarray, "B C H W"]:
    """The bytes that a normalised image came from."""
    shape = (1, -1, 1, 1)
    image = view * view.new_tensor(std).view(shape) + view.new_tensor(mean).view(shape)
    return (image * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


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
    train_image: Callable[[Tensor], Tensor],
    test_image: Callable[[Tensor], Tensor],
    *,
    queries: int = 10,
    k: int = 5,
) -> Mapping[str, np.ndarray]:
    """The k nearest train images of a few test images, one class after the other.

    Args:
        train: the bank.
        test: of which some are the queries.
        train_image: uint8 images (B, C, H, W) at positions (B,) of the train split.
        test_image: the same of the test split.
        queries: how many.
        k: neighbours of each.
    """
    chosen = spread(test.label, queries)
    similarity, row = search(train.embedding, test.embedding[chosen], min(k, len(train.label)))
    near = train_image(train.position[row].flatten())
    return {
        "queries": test_image(test.position[chosen]).numpy(),
        "query_label": test.label[chosen].numpy(),
        "neighbours": near.unflatten(0, row.shape).numpy(),
        "neighbour_label": train.label[row].numpy(),
        "neighbour_similarity": similarity.numpy(),
    }
