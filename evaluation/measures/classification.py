"""Measures of a classification beside accuracy, for many resamples of the items at once.

A resample is a row of counts: how often each item was drawn (`intervals.resamples`). A row of ones
stands for the items themselves. Every measure is an unweighted mean over the classes that occur in
the resample.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor
from torch.nn import functional as F


def crossed(
    label: Int64[Tensor, " N"],
    guess: Int64[Tensor, " N"],
    weight: Float64[Tensor, "R N"],
    shape: tuple[int, int],
) -> Float64[Tensor, "R M K"]:
    """Return the contingency table of each resample: how often label m met prediction k."""
    cell = (label * shape[1] + guess).expand(len(weight), -1)
    table = torch.zeros(len(weight), shape[0] * shape[1], dtype=torch.float64)
    return table.scatter_add_(1, cell, weight).unflatten(1, shape)


def balanced_accuracy(table: Float64[Tensor, "R M M"]) -> Float64[Tensor, " R"]:
    """Return the mean of the classes' recalls."""
    right, occurs = table.diagonal(dim1=1, dim2=2), table.sum(2)
    return (right / occurs).nanmean(1)  # 0 / 0: the class does not occur


def macro_f1(table: Float64[Tensor, "R M M"]) -> Float64[Tensor, " R"]:
    """Return the mean of the classes' F1, 2 TP / (2 TP + FP + FN)."""
    right, occurs, guessed = table.diagonal(dim1=1, dim2=2), table.sum(2), table.sum(1)
    f1 = 2 * right / (occurs + guessed)
    return f1.where(occurs > 0, torch.nan).nanmean(1)


def ranking(
    label: Int64[Tensor, " N"],
    scores: Float[Tensor, "N M"],
    weight: Float64[Tensor, "R N"],
) -> dict[str, Float64[Tensor, " R"]]:
    """Return `macro_auroc` and `macro_auprc`: means over the classes, each against all others.

    The first is the area under the ROC curve, the second the average precision: precision at each
    threshold by the recall gained. A resample with fewer than two classes gives NaN for the first.
    """
    areas, precisions = [], []
    for c in label.unique().tolist():
        found = _counts(label == c, scores[:, c], weight)
        areas.append(_area(found))
        precisions.append(_average_precision(found))
    return {
        "macro_auroc": torch.stack(areas).nanmean(0),
        "macro_auprc": torch.stack(precisions).nanmean(0),
    }


class _Counts(NamedTuple):
    """Counts of the items above each of T thresholds, which are the scores of the positive items.

    Attributes:
        gained: number of positive items at each threshold itself.
        tp: number of positive items at it or above.
        fp: number of negative items at it or above.
        above: number of negative items above it.
        negative: number of negative items.
    """

    gained: Float64[Tensor, "R T"]
    tp: Float64[Tensor, "R T"]
    fp: Float64[Tensor, "R T"]
    above: Float64[Tensor, "R T"]
    negative: Float64[Tensor, "R 1"]


def _area(of: _Counts) -> Float64[Tensor, " R"]:
    """Return the area under the ROC curve: how often a positive item has the higher score.

    It is the share of the pairs of a positive and a negative item; equal scores count half.
    """
    lower = of.negative - (of.above + of.fp) / 2
    return (of.gained * lower).sum(1) / (of.tp[:, -1] * of.negative[:, 0])


def _average_precision(of: _Counts) -> Float64[Tensor, " R"]:
    """Return the average precision."""
    return (of.gained * of.tp / (of.tp + of.fp).clamp(min=1)).sum(1) / of.tp[:, -1]


def _counts(
    positive: Bool[Tensor, " N"], score: Float[Tensor, " N"], weight: Float64[Tensor, "R N"]
) -> _Counts:
    """Return the counts at the scores of positive items; equal scores share one threshold."""
    descending, order = (-score).sort()
    positive = positive[order]
    drawn = weight.gather(1, order.expand(len(weight), -1))  # indexing is three times slower
    threshold, own = descending[positive].unique_consecutive(return_inverse=True)
    gained = drawn.new_zeros(len(weight), len(threshold))
    gained.index_add_(1, own, drawn[:, positive])
    every = F.pad(drawn.cumsum(1), (1, 0))
    tp = gained.cumsum(1)
    fp = every[:, torch.searchsorted(descending, threshold, right=True)] - tp
    above = every[:, torch.searchsorted(descending, threshold)] - (tp - gained)
    return _Counts(gained, tp, fp, above, every[:, -1:] - tp[:, -1:])
