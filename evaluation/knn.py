"""Weighted k-nearest-neighbour accuracy, as Wu et al. 2018 (arXiv 1805.01978) and DINO use it."""

from __future__ import annotations

import logging

import faiss
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features

log = logging.getLogger(__name__)


def search(
    train: Float32[Tensor, "N D"], test: Float32[Tensor, "Q D"], k: int
) -> tuple[Float32[Tensor, "Q k"], Int64[Tensor, "Q k"]]:
    """Cosine and row of the k nearest train items, nearest first; of equals the smaller row first.

    Exact search. Where more items than fit share the k-th similarity, faiss chooses among them.
    """
    bank, queries = (F.normalize(x, dim=1).contiguous().numpy() for x in (train, test))
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank)  # pyright: ignore[reportCallIssue]
    similarity, row = map(torch.from_numpy, index.search(queries, k))  # pyright: ignore[reportCallIssue]
    by_row = row.argsort(dim=1)
    similarity, row = similarity.gather(1, by_row), row.gather(1, by_row)
    by_similarity = similarity.argsort(dim=1, descending=True, stable=True)
    return similarity.gather(1, by_similarity), row.gather(1, by_similarity)


def votes(
    similarity: Float32[Tensor, "Q n"],
    label: Int64[Tensor, "Q n"],
    classes: int,
    *,
    k: int,
    temperature: float,
) -> Float32[Tensor, "Q M"]:
    """The sum of exp(cosine / temperature) over the k nearest of each class.

    Args:
        similarity: what `search` gave, for any number of neighbours from k on.
        label: of those neighbours.
        classes: number of classes.
        k: neighbours that vote.
        temperature: T of the vote.
    """
    weight = (similarity[:, :k] / temperature).exp()
    return torch.zeros(len(label), classes).scatter_add_(1, label[:, :k], weight)


def vote(
    similarity: Float32[Tensor, "Q n"],
    label: Int64[Tensor, "Q n"],
    classes: int,
    *,
    k: int,
    temperature: float,
) -> Int64[Tensor, " Q"]:
    """The class with the most `votes`."""
    return votes(similarity, label, classes, k=k, temperature=temperature).argmax(1)


class KNN:
    """Votes of the nearest neighbours, weighted by exp(cosine / temperature).

    One search at the largest k serves every k. Equal votes go to the smaller label.

    Args:
        version: of the protocol; part of its name.
        neighbours: every k to report, as `top1_k<k>`.
        headline: the k reported as `top1`, and whose shares of the votes are the class scores.
        temperature: T of the vote.

    Raises:
        ConfigError: headline is not among the neighbours, or a number is not positive.
    """

    def __init__(
        self, version: int, neighbours: list[int], headline: int, temperature: float
    ) -> None:
        if headline not in neighbours or min(neighbours) < 1:
            raise ConfigError(f"knn headline={headline} must be one of neighbours={neighbours}")
        if temperature <= 0:
            raise ConfigError(f"knn temperature={temperature}; allowed: above 0")
        self.version = version
        self.neighbours, self.headline, self.temperature = neighbours, headline, temperature

    def __call__(self, train: Features, test: Features, classes: int) -> dict[str, Tensor]:
        """Predicted labels of the test items by metric; unlabelled train items do not vote."""
        bank = train.labelled()
        largest = min(max(self.neighbours), len(bank.label))
        if largest < max(self.neighbours):
            log.warning("the bank has %d items: larger k are cut to it", largest)
        similarity, row = search(bank.embedding, test.embedding, largest)
        label = bank.label[row]
        by_k = {
            k: votes(similarity, label, classes, k=k, temperature=self.temperature)
            for k in self.neighbours
        }
        predicted = {f"top1_k{k}": v.argmax(1) for k, v in by_k.items()}
        scores = F.normalize(by_k[self.headline], p=1, dim=1)
        return {"top1": predicted[f"top1_k{self.headline}"], **predicted, "scores": scores}
