"""Weighted k-nearest-neighbour accuracy, as Wu et al. 2018 (arXiv 1805.01978) and DINO use it."""

from __future__ import annotations

import logging

import faiss
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Labels
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Positive, Size, within_ranges

log = logging.getLogger(__name__)


def search(
    train: Float32[Tensor, "N D"], test: Float32[Tensor, "Q D"], k: int
) -> tuple[Float32[Tensor, "Q k"], Int64[Tensor, "Q k"]]:
    """Return cosine and row of the k nearest train items, nearest first, by exact search.

    Of items with equal similarity the smaller row comes first; if more of them share the k-th
    similarity than fit into k, faiss chooses which are returned.
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
    """Return each class's votes: the sum of exp(cosine / T) over its items among the k nearest.

    Args:
        similarity: cosines from `search`, of k or more neighbours.
        label: classes of those neighbours.
        classes: number of classes.
        k: number of neighbours that vote.
        temperature: T; the smaller, the more the nearest neighbours count.
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
    """Return the class with the most `votes`; the arguments are the same."""
    return votes(similarity, label, classes, k=k, temperature=temperature).argmax(1)


class KNN:
    """kNN classification with votes weighted by exp(cosine / temperature).

    One search at the largest k serves every k. Of classes with equal votes the smaller label wins.

    Args:
        version: version of the protocol; part of its name.
        neighbours: every k to report, as `top1_k<k>`.
        headline: the k that is reported as `top1`; its shares of the votes are the class scores.
        temperature: T of the votes.

    Raises:
        ConfigError: headline is not among the neighbours, or a number is not positive.
    """

    @within_ranges
    def __init__(
        self, version: Size, neighbours: list[Size], headline: Size, temperature: Positive
    ) -> None:
        if headline not in neighbours:
            raise ConfigError(f"knn headline={headline} must be one of neighbours={neighbours}")
        self.version = version
        self.neighbours, self.headline, self.temperature = neighbours, headline, temperature

    def __call__(self, subject: Subject) -> dict[str, Labels]:
        """Return predicted labels and class scores for each k; unlabelled items do not vote."""
        bank = subject.train.labelled()
        largest = min(max(self.neighbours), len(bank.label))
        if largest < max(self.neighbours):
            log.warning("the bank has %d items: larger k are cut to it", largest)
        similarity, row = search(bank.embedding, subject.test.embedding, largest)
        label, temperature = bank.label[row], self.temperature
        found = {}
        for k in self.neighbours:
            vote = votes(similarity, label, subject.classes, k=k, temperature=temperature)
            found[f"k{k}"] = Labels(vote.argmax(1), F.normalize(vote, p=1, dim=1))
        return {"": found[f"k{self.headline}"], **found}
