"""Make pictures for the report: samples with their views, and neighbours of test items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from manyviews.datamodules.module import ViewData
from manyviews.evaluation.embedding_map import planes
from manyviews.evaluation.features import Features
from manyviews.evaluation.nearest import search

SHOWN = 8  # number of samples that are shown by default
HARDEST = 12  # number of wrongly predicted items that are shown
MAPPED = 500  # most items on the map of the embeddings
THUMBNAIL = 32  # pixels of the longer side of a picture on the map
PICTURES = 64  # pictures that are read at once for thumbnails


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
    """Return rows of `count` items that are spread over as many classes as possible."""
    # The n-th item of each class comes before the (n + 1)-th item of any class.
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
    """Return pictures, labels and positions of a few test items and their k nearest train items.

    Args:
        train: features of the train split, the bank.
        test: features of the test split, from which the queries are chosen.
        train_picture: maps positions (B,) of the train split to uint8 pictures (B, C, H, W).
        test_picture: the same for the test split.
        queries: number of queries.
        k: number of neighbours of each query.
    """
    chosen = spread(test.label, queries)
    similarity, row = search(train.embedding, test.embedding[chosen], min(k, len(train.label)))
    near = train_picture(train.position[row].flatten())
    return {
        "queries": test_picture(test.position[chosen]),
        "query_label": test.label[chosen].numpy(),
        "query_position": test.position[chosen].numpy(),
        "neighbours": near.reshape(*row.shape, *near.shape[1:]),
        "neighbour_label": train.label[row].numpy(),
        "neighbour_position": train.position[row].numpy(),
        "neighbour_similarity": similarity.numpy(),
    }


def hardest(
    test: Features,
    guess: np.ndarray,
    margin: np.ndarray,
    picture: Callable[[Tensor], np.ndarray],
    count: int = HARDEST,
) -> Mapping[str, np.ndarray]:
    """Return pictures, classes and predictions of the items that a protocol is most wrong about.

    Args:
        test: features of the labelled test items.
        guess: predicted class of each of them.
        margin: how far the score of the own class lies above the best other one, see
            `suite.margins`.
        picture: maps positions (B,) of the test split to uint8 pictures (B, C, H, W).
        count: most items that are returned.
    """
    wrong = np.flatnonzero(guess != test.label.numpy())
    rows = torch.from_numpy(wrong[np.argsort(margin[wrong], kind="stable")][:count])
    if not len(rows):
        return {}
    return {
        "hardest": picture(test.position[rows]),
        "hardest_label": test.label[rows].numpy(),
        "hardest_guess": guess[rows.numpy()].astype(np.int64),
        "hardest_position": test.position[rows].numpy(),
    }


def embedding_map(
    test: Features, picture: Callable[[Tensor], np.ndarray], count: int = MAPPED
) -> Mapping[str, np.ndarray]:
    """Return the places of test items in the plane, their classes, and a thumbnail of each.

    Args:
        test: features of the test split.
        picture: maps positions (B,) of the test split to uint8 pictures (B, C, H, W).
        count: most items that are placed, from as many classes as there are.
    """
    rows = spread(test.label, count)
    places = planes(test.embedding[rows])
    if not places:
        return {}
    found = {f"map_{name}": place for name, place in places.items()}
    thumbnails = [small(picture(part)) for part in test.position[rows].split(PICTURES)]
    return {**found, "map_label": test.label[rows].numpy(), "map": np.concatenate(thumbnails)}


def small(images: np.ndarray, side: int = THUMBNAIL) -> UInt8[np.ndarray, "B C h w"]:
    """Return images whose longer side has at most so many pixels, each the mean of those it covers.

    Args:
        images: uint8 images (B, C, H, W).
        side: pixels.
    """
    height, width = images.shape[2:]
    by = min(1.0, side / max(height, width))
    size = max(1, round(height * by)), max(1, round(width * by))
    pooled = F.adaptive_avg_pool2d(torch.from_numpy(images).float(), size)
    return pooled.round().to(torch.uint8).numpy()
