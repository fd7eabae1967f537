"""Accuracy of each test group: how well a score holds for people who were not in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.evaluation.measures.intervals import FEWEST_GROUPS, bootstrap, paired
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
        row = {"subject": who, **bootstrap(accuracy)._asdict(), "n": len(each), "each": each}
        if who != TRAINED:
            gain = paired(mean[TRAINED], accuracy)
            row["minus"] = {**gain._asdict(), "beats": gain.low > 0 if enough else None}
        rows.append(row)
    return rows
