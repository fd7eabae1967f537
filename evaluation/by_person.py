"""Accuracy person by person: how far a score holds for people that were not seen."""

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
    """A row for the trained features and each control; its interval is over the people.

    Each person weighs the same: `value` is the mean of their accuracies, and the bootstrap draws
    people, not their test items. `each` holds the accuracy of every person, `minus` what the
    trained features gain.

    Args:
        right: 1.0 for each test item that is right, by whose features were scored.
        person: of each test item, an index into `names`.
        names: of all people.
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
