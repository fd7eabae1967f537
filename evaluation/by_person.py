"""Accuracy of each subject: how well a score holds for people who were not in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.evaluation.intervals import bootstrap, paired
from manyviews.evaluation.words import TRAINED


def by_person(
    right: Mapping[str, Float[Tensor, " Q"]], person: Int64[Tensor, " Q"], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return a row for the trained features and each control, with an interval over subjects.

    Each subject has the same weight: `value` is the mean of their accuracies, and the bootstrap
    draws subjects, not test items. `each` holds the accuracy of every subject. The row of a control
    also has `minus`: the trained features' accuracy minus its own, paired by subject.

    Args:
        right: by name of the features, 1.0 for each test item that was predicted correctly, else 0.
        person: subject of each test item, as an index into `names`.
        names: names of all subjects.
    """
    occurs, at = person.unique(return_inverse=True)
    count = at.bincount()
    mean = {who: at.bincount(weights=hit.double()) / count for who, hit in right.items()}
    rows = []
    for who, accuracy in mean.items():
        each = [
            {"name": names[p], "value": float(a), "n": int(n)}
            for p, a, n in zip(occurs.tolist(), accuracy, count, strict=True)
        ]
        row = {"subject": who, **bootstrap(accuracy)._asdict(), "n": len(each), "each": each}
        if who != TRAINED:
            gain = paired(mean[TRAINED], accuracy)
            row["minus"] = {**gain._asdict(), "beats": gain.low > 0}
        rows.append(row)
    return rows
