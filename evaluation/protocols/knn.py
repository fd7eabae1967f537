"""k-nearest-neighbour accuracy, as Wu et al. 2018 (arXiv 1805.01978) and DINO use it."""

from __future__ import annotations

import logging

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Labels
from manyviews.evaluation.nearest import search
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Positive, Size, within_ranges

log = logging.getLogger(__name__)

COLDEST = 1e-30  # temperature below which every vote but the nearest's is 0 in float32 anyway


def votes(
    similarity: Float32[Tensor, "Q n"],
    label: Int64[Tensor, "Q n"],
    classes: int,
    *,
    k: int,
    temperature: float | None,
) -> Float32[Tensor, "Q M"]:
    """Return each class's votes, summed over its items among the k nearest.

    The vote of an item has the weight exp((cosine - largest cosine) / T), which is at most 1, so
    that no temperature overflows. The nearest item has weight 1.

    Args:
        similarity: cosines from `search`, of k or more neighbours, the nearest first.
        label: classes of those neighbours.
        classes: number of classes.
        k: number of neighbours that vote.
        temperature: T; the smaller, the more the nearest neighbours count. None: all votes are 1.
    """
    if temperature is None:
        weight = torch.ones_like(similarity[:, :k])
    else:
        weight = ((similarity[:, :k] - similarity[:, :1]) / max(temperature, COLDEST)).exp()
    return torch.zeros(len(label), classes).scatter_add_(1, label[:, :k], weight)


def vote(
    similarity: Float32[Tensor, "Q n"],
    label: Int64[Tensor, "Q n"],
    classes: int,
    *,
    k: int,
    temperature: float | None,
) -> Int64[Tensor, " Q"]:
    """Return the class with the most `votes`; the arguments are the same."""
    return votes(similarity, label, classes, k=k, temperature=temperature).argmax(1)


class KNN:
    """kNN classification with votes weighted by exp(cosine / temperature), or with equal votes.

    One search at the largest k serves every k. Of classes with equal votes the smaller label wins.
    A k above the number of labelled training items is left out, which is logged.

    Args:
        version: version of the protocol; part of its name.
        neighbours: every k to report, as `top1_k<k>`.
        headline: the k that is reported as `top1`; its shares of the votes are the class scores.
        temperature: T of the votes; null: every neighbour has one vote.

    Raises:
        ConfigError: headline is not among the neighbours, or a number is not positive.
    """

    @within_ranges
    def __init__(
        self,
        version: Size,
        neighbours: list[Size],
        headline: Size,
        temperature: Positive | None,
    ) -> None:
        if headline not in neighbours:
            raise ConfigError(f"knn headline={headline} must be one of neighbours={neighbours}")
        self.version = version
        self.neighbours, self.headline, self.temperature = neighbours, headline, temperature

    def __call__(self, subject: Subject) -> dict[str, Labels]:
        """Return predicted labels and class scores for each k; unlabelled items do not vote.

        Raises:
            ConfigError: there are fewer labelled training items than `headline`, or none.
        """
        bank = subject.labelled_train()
        within = self._within(len(bank.label))
        similarity, row = search(bank.embedding, subject.test.embedding, max(within))
        label, found = bank.label[row], {}
        for k in within:
            vote = votes(similarity, label, subject.classes, k=k, temperature=self.temperature)
            found[f"k{k}"] = Labels(vote.argmax(1), F.normalize(vote, p=1, dim=1))
        return {"": found[f"k{self.headline}"], **found}

    def _within(self, items: int) -> list[int]:
        """Return every k that a bank of so many items allows."""
        within = [k for k in self.neighbours if k <= items]
        if self.headline > items:
            largest = max(within, default=items)
            typed = "" if within else f"neighbours=[{items}] and "
            raise ConfigError(
                f"knn headline={self.headline} is more than the bank of {items} labelled training "
                f"items; type {typed}headline={largest} to report k = {largest}"
            )
        if len(within) < len(self.neighbours):
            beyond = ", ".join(str(k) for k in self.neighbours if k > items)
            log.warning("k = %s left out: the bank has %d items", beyond, items)
        return within
