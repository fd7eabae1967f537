"""Scores of a run with their intervals and protocols, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from manyviews.evaluation.words import TRAINED, score_name
from manyviews.sweeps.boards.found import Found


class Score(NamedTuple):
    """A score of the trained backbone.

    Attributes:
        value: the score; None if it is not finite.
        low: lower end of its 95 % interval; None without one.
        high: upper end likewise.
        n: number of items that it is a mean over; None if it is not known.
        protocol: name and hash of the protocol; "" for scores during training.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    protocol: str = ""


def scores(found: Found, card: Mapping[str, Any]) -> dict[str, Score]:
    """Return the scores of a run by name, those of its report with their intervals.

    Args:
        found: the run.
        card: content of its report.json; {} without one.
    """
    made = {name: Score(finite(value)) for name, value in found.scores.items()}
    protocols = card.get("protocols", {})
    for row in card.get("scores", ()):
        if row.get("subject") == TRAINED and (name := score_name(row)) in made:
            low, high = (finite(row.get(key)) for key in ("low", "high"))
            mark = protocols.get(row["protocol"], {}).get("hash", "")
            protocol = f"{row['protocol']} {mark}".strip()
            made[name] = Score(made[name].value, low, high, whole(row.get("n")), protocol)
    return made


def finite(value: Any) -> float | None:
    """Return a number with six digits, None if it is none, NaN or infinite.

    >>> finite(0.123456789), finite(float("nan")), finite(None)
    (0.123457, None, None)
    """
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(f"{value:.6g}") if known else None


def whole(value: Any) -> int | None:
    """Return a whole number, None if it is none."""
    return value if isinstance(value, int) else None
