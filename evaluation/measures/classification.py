"""Measures of a classification beside accuracy, for many resamples of the items at once.

A resample is a row of counts: how often each item was drawn (`intervals.resamples`). A row of ones
stands for the items themselves. Every measure is an unweighted mean over the classes that occur in
the resample.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


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
        tp, fp = _counts(label == c, scores[:, c], weight)
        areas.append(_area(tp, fp))
        precisions.append(_average_precision(tp, fp))
    return {
        "macro_auroc": torch.stack(areas).nanmean(0),
        "macro_auprc": torch.stack(precisions).nanmean(0),
    }


def _area(tp: Float64[Tensor, "R n"], fp: Float64[Tensor, "R n"]) -> Float64[Tensor, " R"]:
    """Return the area under the ROC curve by the trapezoidal rule."""
    return torch.trapezoid(tp, fp) / (tp[:, -1] * fp[:, -1])


def _average_precision(
    tp: Float64[Tensor, "R n"], fp: Float64[Tensor, "R n"]
) -> Float64[Tensor, " R"]:
    """Return the average precision."""
    gained = tp.diff() * tp[:, 1:] / (tp + fp)[:, 1:].clamp(min=1)
    return gained.sum(1) / tp[:, -1]


def _counts(
    positive: Bool[Tensor, " N"], score: Float[Tensor, " N"], weight: Float64[Tensor, "R N"]
) -> tuple[Float64[Tensor, "R n"], Float64[Tensor, "R n"]]:
    """Return true and false positives at every threshold; equal scores share one threshold."""
    score, order = score.sort(descending=True)
    last = torch.cat([score.diff() != 0, torch.ones(1, dtype=torch.bool)])
    weight, positive = weight[:, order], positive[order].double()
    none = torch.zeros(len(weight), 1, dtype=torch.float64)
    tp, fp = ((weight * side).cumsum(1)[:, last] for side in (positive, 1 - positive))
    return torch.cat([none, tp], 1), torch.cat([none, fp], 1)
