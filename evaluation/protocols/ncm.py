"""Nearest class mean, as in Mensink et al. 2013 ("Distance-Based Image Classification", PAMI)."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews.evaluation.answers import Labels
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Size, within_ranges

ROWS = 2**14  # items whose features are summed at once, in float64
# Score of a class without items: squared distances within the unit ball are at most 4.
ABSENT = -5.0


class ClassSums(NamedTuple):
    """Sums over the L2-normalised features of every class.

    Sums of parts of the items, such as those of several processes, add up to the sums of all.

    Attributes:
        total: float64 (M, D), sum of the features of each class.
        items: int64 (M,), number of items of each class.
    """

    total: Float64[Tensor, "M D"]
    items: Int64[Tensor, " M"]

    def plus(self, other: ClassSums) -> ClassSums:
        """Return the sums over the items of both."""
        return ClassSums(self.total + other.total, self.items + other.items)

    def scores(self, x: Float[Tensor, "Q D"]) -> Float64[Tensor, "Q M"]:
        """Return minus the squared distance of each normalised row to each class mean."""
        mean = self.total / self.items.clamp(min=1)[:, None]
        q = F.normalize(x, dim=1).double()
        squared = q.square().sum(1, True) - 2 * q @ mean.mT + mean.square().sum(1)
        return (-squared.clamp(min=0)).where(self.items > 0, ABSENT)


def class_sums(
    embedding: Float[Tensor, "N D"], label: Int64[Tensor, " N"], classes: int
) -> ClassSums:
    """Return the sums over these items, class by class."""
    label = label.to(embedding.device)
    total = torch.zeros(classes, embedding.shape[1], dtype=torch.float64, device=embedding.device)
    total.index_add_(0, label, F.normalize(embedding, dim=1).double())
    return ClassSums(total, label.bincount(minlength=classes))


class NCM:
    """Classification by the nearest mean of the L2-normalised features of a class.

    There is nothing to choose. A class without training items is never predicted; of classes at
    equal distance the smaller label is.

    Args:
        version: version of the protocol; part of its name.
    """

    @within_ranges
    def __init__(self, version: Size) -> None:
        self.version = version

    def __call__(self, subject: Subject) -> Labels:
        """Return predicted labels; scores are minus the squared distances to the class means.

        Raises:
            ConfigError: no training item is labelled.
        """
        known = subject.labelled_train()
        parts = zip(known.embedding.split(ROWS), known.label.split(ROWS), strict=True)
        sums = reduce(ClassSums.plus, (class_sums(x, y, subject.classes) for x, y in parts))
        scores = sums.scores(subject.test.embedding).cpu()
        return Labels(scores.argmax(1), scores)
