"""Accuracy with few labels: n items per class, or a share of the training items."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn import functional as F

from manyviews.draws import uniform
from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Draws, Labels
from manyviews.evaluation.features import Features
from manyviews.evaluation.logistic import Problem
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.subset import hashed, rows_in
from manyviews.ranges import Count, InnerShare, Positive, Size, within_ranges

log = logging.getLogger(__name__)

Rows = Int64[Tensor, " n"]


def ranks(
    label: Int64[Tensor, " N"], position: Int64[Tensor, " N"], seed: int, draw: int
) -> Int64[Tensor, " N"]:
    """Return the place of each item in a random order of its class, from 0.

    The items of a class with a place below n are a draw of n items; draws of fewer items are among
    those of more. The order depends on the seed, the draw and the positions alone, so it is the
    same on every process and whatever the order of the rows.

    Args:
        label: class of each item.
        position: position of each item in its data set.
        seed: seed of the protocol.
        draw: number of the draw, from 0.
    """
    order = position.argsort()
    number = uniform(seed, draw, position, 0, "low_shot", 1)[:, 0]
    order = order[number[order].argsort(stable=True)]  # of equal numbers the smaller position
    order = order[label[order].argsort(stable=True)]
    count = label.bincount()
    first = count.cumsum(0) - count
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order)) - first[label[order]]
    return place


def share_of(count: Int64[Tensor, " M"], share: float) -> Int64[Tensor, " M"]:
    """Return how many items of each class make a share of the class, at least one of each."""
    return (count * share).round().long().clamp(min=1)


class LowShot:
    """Logistic regression on few labelled training items, in several random draws.

    Each cell has its own number of items: `n<count>` per class, `p<percent>` of every class, at
    least one item of each. The draws are stratified and nested. Features are L2-normalised and
    centred by the drawn items, as in MSN (Assran et al. 2022, arXiv 2204.07141); no deviation is
    estimated from a handful of items. The penalty is fixed: nothing is chosen.

    A cell that needs more items than there are, or a share with fewer items than classes, is left
    out, which is logged; a class with fewer than n items gives all of them and is named in the log
    and in report.json.

    Args:
        version: version of the protocol; part of its name.
        per_class: numbers of items per class.
        shares: shares of the training items.
        headline: the cell that is reported as `top1`, such as n16 or p10, or subset.
        draws: number of random draws; scores are means over them.
        seed: seed of the draws.
        cost: C of scikit-learn: the weight of |W|^2 / 2 beside the mean cross-entropy of N drawn
            items is 1 / (cost N). On held-out training items of the demo 100 was the best of 1, 10,
            100 and 1000 in most cells.
        subset: a file that lists training items, for the cell `subset`; see `subset.positions_in`.

    Raises:
        ConfigError: headline is not among the cells, or a number is outside its range.
    """

    @within_ranges
    def __init__(
        self,
        version: Size,
        per_class: list[Size],
        shares: list[InnerShare],
        headline: str = "p10",
        draws: Size = 5,
        seed: Count = 0,
        cost: Positive = 100.0,
        subset: str | None = None,
    ) -> None:
        self.version, self.draws, self.seed, self.cost = version, draws, seed, cost
        self.per_class = {f"n{n}": n for n in sorted(per_class)}
        self.shares = {f"p{100 * share:g}": share for share in sorted(shares)}
        self.subset = None if subset is None else Path(subset)
        cells = [*self.per_class, *self.shares, *(["subset"] if subset else [])]
        if headline not in cells:
            raise ConfigError(f"low_shot headline={headline}; allowed: {', '.join(cells)}")
        self.headline = headline

    def __call__(self, subject: Subject) -> dict[str, Draws]:
        """Return the draws of every cell that the training items allow.

        Raises:
            ConfigError: they do not allow the headline, or the subset's file does not fit them.
        """
        known = subject.labelled_train()
        count = known.label.bincount(minlength=subject.classes)
        place = [ranks(known.label, known.position, self.seed, d) for d in range(self.draws)]
        found: dict[str, Draws] = {}
        for cell, take in self._takes(count).items():
            rows = [(p < take[known.label]).nonzero()[:, 0] for p in place]
            few = self._fewer(cell, count, subject)
            found[cell] = self._answers(rows, known, subject, few)
        if self.subset is not None:
            found["subset"] = self._of_subset(self.subset, known, subject)
        if self.headline not in found:
            raise ConfigError(
                f"low_shot headline={self.headline}: {len(known.label)} labelled training items "
                f"are too few; allowed: {', '.join(found) or 'none, label more items'}"
            )
        return {"": found[self.headline], **found}

    def _takes(self, count: Int64[Tensor, " M"]) -> dict[str, Int64[Tensor, " M"]]:
        """Return how many items of each class a cell takes, without cells that need too many."""
        items, classes = int(count.sum()), int((count > 0).sum())
        takes, beyond = {}, []
        for cell, n in self.per_class.items():
            takes[cell] = torch.full_like(count, n)
            beyond += [cell] if n * classes > items else []
        for cell, share in self.shares.items():
            takes[cell] = share_of(count, share)
            beyond += [cell] if share * items < classes else []
        if beyond:
            said = "%s left out: too few labelled training items (%d of %d classes)"
            log.warning(said, ", ".join(beyond), items, classes)
        return {cell: take for cell, take in takes.items() if cell not in beyond}

    def _fewer(self, cell: str, count: Int64[Tensor, " M"], subject: Subject) -> dict[str, Any]:
        """Return and log the classes that have items, but fewer than a cell takes of each."""
        n = self.per_class.get(cell, 0)
        names = [subject.name_of(c) for c in ((count > 0) & (count < n)).nonzero()[:, 0].tolist()]
        if not names:
            return {}
        log.warning("%s: classes with fewer than %d items: %s", cell, n, ", ".join(names))
        return {"classes_with_fewer": names}

    def _of_subset(self, file: Path, known: Features, subject: Subject) -> Draws:
        """Return the answer for the items that a file lists, as a single draw."""
        rows = rows_in(file, known.position, subject.file_names)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        return self._answers([rows], known, subject, {"file": str(file), "sha256": sha256})

    def _answers(
        self, rows: Sequence[Rows], known: Features, subject: Subject, details: dict[str, Any]
    ) -> Draws:
        """Return the answer after fitting on each draw's rows, and what was drawn."""
        # In the order of the positions, so that sums do not depend on the order of the rows.
        drawn = [known.rows(r[known.position[r].argsort()]) for r in rows]
        said = {"items": len(drawn[0].label), "positions": [hashed(d.position) for d in drawn]}
        return Draws([self._answer(d, subject) for d in drawn], {**said, **details})

    def _answer(self, drawn: Features, subject: Subject) -> Labels:
        x, x_test = (F.normalize(f.embedding.cpu(), dim=1) for f in (drawn, subject.test))
        mean, penalty = x.mean(0), 1 / (self.cost * len(x))
        model = Problem(x - mean, drawn.label, subject.classes).solve(penalty)
        return model.answer(x_test - mean)
