"""Retrieval: each test item searches the training items of its class, by cosine."""

from __future__ import annotations

import logging

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import PerItem
from manyviews.evaluation.features import Features
from manyviews.evaluation.nearest import search
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Size, within_ranges

log = logging.getLogger(__name__)

SIMILARITIES = 2**24  # cosines in memory at once: 64 MB, and as much again for their order


def average_precision(
    gallery: Float[Tensor, "N D"], relevant: Tensor, queries: Float[Tensor, "Q D"]
) -> Float64[Tensor, " Q"]:
    """Return the average precision of each query's ranking of the whole gallery, on the CPU.

    AP = the mean, over the relevant items, of the share of relevant ones among all items that are
    at least as similar. Items of equal similarity share one place, as in scikit-learn's
    `average_precision_score`.

    Args:
        gallery: items to be found.
        relevant: bool (N,), True for the items that all of these queries look for; at least one.
        queries: items to search by.
    """
    length = gallery.norm(dim=1).clamp(min=1e-12)  # instead of a normalised copy of the gallery
    found = []
    for q in F.normalize(queries, dim=1).split(max(1, SIMILARITIES // len(gallery))):
        similarity = q @ gallery.mT / length
        wanted = _ascending(similarity[:, relevant])
        # In ascending order, all but the items before a similarity's first place are as similar.
        among_all = len(gallery) - torch.searchsorted(_ascending(similarity), wanted)
        among_wanted = wanted.shape[1] - torch.searchsorted(wanted, wanted)
        found.append((among_wanted.double() / among_all).mean(1).cpu())
    return torch.cat(found)


def _ascending(similarity: Float32[Tensor, "Q n"]) -> Float32[Tensor, "Q n"]:
    """Return each row in ascending order."""
    if similarity.device.type == "cpu":  # numpy takes a quarter of the time: it keeps no order
        return torch.from_numpy(np.sort(similarity.numpy(), axis=1))
    return similarity.sort(dim=1).values


class Retrieval:
    """Ranking of all labelled training items by cosine for each test item; nothing is fitted.

    Measures: `map`, the mean average precision over the whole ranking; `recall_at_<k>`, the share
    of test items with an item of their class among the k nearest; `precision_at_<k>`, the share of
    such items among the k nearest. A test item whose class has no training item has nothing to
    find: it is left out, and the classes are named in the log and in report.json. A k above the
    number of training items is left out, which is logged.

    Args:
        version: version of the protocol; part of its name.
        nearest: every k of recall and precision.

    Raises:
        ConfigError: a number is not positive.
    """

    @within_ranges
    def __init__(self, version: Size, nearest: list[Size]) -> None:
        self.version, self.nearest = version, sorted(nearest)

    def __call__(self, subject: Subject) -> list[PerItem]:
        """Return the measures of each test item; NaN marks those that are left out.

        Raises:
            ConfigError: no test item has a training item of its class.
        """
        gallery, test = subject.labelled_train(), subject.test
        has_answer = torch.isin(test.label, gallery.label)
        missing = [subject.name_of(c) for c in test.label[~has_answer].unique().tolist()]
        if not has_answer.any():
            raise ConfigError("retrieval: no test item has a training item of its class")
        details = {}
        if missing:
            said = "%d test items left out: no training item of their classes (%s)"
            log.warning(said, int((~has_answer).sum()), ", ".join(missing))
            details = {"classes_left_out": missing}
        found = {"map": _precisions(gallery, test), **self._among_nearest(gallery, test)}
        return [
            PerItem(name, value.where(has_answer, torch.nan), details=details)
            for name, value in found.items()
        ]

    def _among_nearest(self, gallery: Features, test: Features) -> dict[str, Tensor]:
        """Return recall and precision among the k nearest of each test item, for every k."""
        within = [k for k in self.nearest if k <= len(gallery.label)]
        if len(within) < len(self.nearest):
            beyond = ", ".join(str(k) for k in self.nearest if k not in within)
            log.warning("k = %s left out: the gallery has %d items", beyond, len(gallery.label))
        if not within:
            return {}
        _, row = search(gallery.embedding, test.embedding, max(within))
        right = (gallery.label[row] == test.label[:, None]).double()
        recall = {f"recall_at_{k}": right[:, :k].amax(1) for k in within}
        return recall | {f"precision_at_{k}": right[:, :k].mean(1) for k in within if k > 1}


def _precisions(gallery: Features, test: Features) -> Float64[Tensor, " Q"]:
    """Return the average precision of each test item, 0 if its class is not in the gallery."""
    value = torch.zeros(len(test.label), dtype=torch.float64)
    for c in test.label.unique().tolist():
        relevant, asked = gallery.label == c, (test.label == c).nonzero()[:, 0]
        if relevant.any():
            queries = test.embedding[asked].to(gallery.embedding.device)
            value[asked] = average_precision(gallery.embedding, relevant, queries)
    return value
