"""Accuracy of each test group: how well a score holds for people who were not in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from manyviews.evaluation.measures.intervals import FEWEST_GROUPS, Interval, bootstrap, grouped
from manyviews.evaluation.words import TRAINED


def by_group(
    right: Mapping[str, Float[Tensor, " Q"]], group: Int64[Tensor, " Q"], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a row for the trained features and each control, with an interval over groups.

    Each group has the same weight: `value` is the mean of their accuracies, and the bootstrap draws
    groups, not test items. `each` holds the accuracy of every group. The row of a control also has
    `minus`: the trained features' accuracy minus its own, paired by group. With fewer than
    `FEWEST_GROUPS` groups its `beats` is None. Items of unknown group are left out.

    Args:
        right: by name of the features, 1.0 for each test item that was predicted correctly, else 0.
        group: group of each test item, as an index into `names`, -1 if unknown.
        names: names of all groups.
    """
    known = group >= 0
    occurs, at = group[known].unique(return_inverse=True)
    if not len(occurs):
        return []
    count = at.bincount()
    mean = {who: at.bincount(weights=hit[known].double()) / count for who, hit in right.items()}
    enough = len(occurs) >= FEWEST_GROUPS
    rows = []
    for who, accuracy in mean.items():
        each = [
            {"name": names[p], "value": float(a), "n": int(n)}
            for p, a, n in zip(occurs.tolist(), accuracy, count, strict=True)
        ]
        over = _over_groups(accuracy).within(0.0, 1.0)
        row = {"subject": who, **over._asdict(), "n": len(each), "each": each}
        if who != TRAINED:
            gain = _over_groups(mean[TRAINED] - accuracy)
            row["minus"] = {**gain._asdict(), "beats": gain.low > 0 if enough else None}
        rows.append(row)
    return rows


def _over_groups(value: Float64[Tensor, " G"]) -> Interval:
    """Return the mean over groups with its interval; that of a single group has no width."""
    return grouped(value, torch.arange(len(value))) if len(value) > 1 else bootstrap(value)
