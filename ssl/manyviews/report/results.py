"""The rows of the results table, from report.json."""

from __future__ import annotations

from typing import Any, NamedTuple

SUBJECTS = {"trained": "trained", "random": "random initialisation", "raw": "raw pixels"}
CONTROLS = ("random", "raw")


class Row(NamedTuple):
    """One protocol's headline.

    Attributes:
        protocol: name and version.
        scores: text per subject, in percent with its 95 % interval.
        gains: text per control, in points with its interval and in words where it is no gain.
    """

    protocol: str
    scores: list[str]
    gains: list[str]


def rows(card: dict[str, Any]) -> list[Row]:
    """The headline (`top1`) of each protocol in the order of the report."""
    scores = {(s["protocol"], s["subject"]): s for s in card["scores"] if s["metric"] == "top1"}
    gains = {(d["protocol"], d["control"]): d for d in card["differences"] if d["metric"] == "top1"}
    return [
        Row(
            protocol,
            [_score(scores.get((protocol, subject))) for subject in SUBJECTS],
            [_gain(gains.get((protocol, control))) for control in CONTROLS],
        )
        for protocol in dict.fromkeys(protocol for protocol, _ in scores)
    ]


def headers() -> list[str]:
    """Titles of the columns of `rows`."""
    return ["protocol", *SUBJECTS.values(), *(f"minus {SUBJECTS[c]}" for c in CONTROLS)]


def _score(score: dict[str, Any] | None) -> str:
    if score is None:
        return "-"
    return f"{100 * score['value']:.1f} % ({100 * score['low']:.1f} to {100 * score['high']:.1f})"


def _gain(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return "-"
    value, low, high = (f"{100 * gain[k]:+.1f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})" + ("" if gain["beats"] else ", not beaten")
