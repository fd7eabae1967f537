"""Turn the scores of report.json into the rows of the results tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from manyviews.evaluation.words import HEADLINES, METRICS, SUBJECTS, TRAINED

WORSE = ", worse"
SAME = ", not distinguishable"


class Row(NamedTuple):
    """One measure of one protocol.

    Attributes:
        title: protocol and version, and the measure unless it is accuracy.
        scores: for trained backbone and controls the score, in percent with its 95 % interval.
        gains: for each control the difference, in points with its interval; it ends in `WORSE` or
            `SAME` unless the interval lies above zero.
    """

    title: str
    scores: list[str]
    gains: list[str]


def subjects(card: dict[str, Any]) -> dict[str, str]:
    """Return the words for trained backbone and controls by name, the trained backbone first."""
    return {s["subject"]: _word(s["subject"]) for s in card["scores"]}


def rows(card: dict[str, Any], metrics: Collection[str] = HEADLINES) -> list[Row]:
    """Return a row for each protocol and each of these measures, in the order of the report."""
    scores = {(s["protocol"], s["metric"], s["subject"]): s for s in card["scores"]}
    gains = {(d["protocol"], d["metric"], d["control"]): d for d in card["differences"]}
    who = subjects(card)
    return [
        Row(
            protocol if metric == "top1" else f"{protocol}, {METRICS[metric]}",
            [_score(scores.get((protocol, metric, subject))) for subject in who],
            [_gain(gains.get((protocol, metric, c))) for c in who if c != TRAINED],
        )
        for protocol, metric in dict.fromkeys((p, m) for p, m, _ in scores)
        if metric in metrics
    ] + [
        _without_score(row, len(who))
        for row in card.get("failed", [])
        if who and metrics == HEADLINES
    ]


def _without_score(failed: dict[str, Any], columns: int) -> Row:
    """Return the row of a protocol that raised an error, with the reason in its first cell."""
    scores = [f"no score: {failed['reason']}", *["-"] * (columns - 1)]
    return Row(failed["protocol"], scores, ["-"] * (columns - 1))


def further(card: dict[str, Any]) -> list[Row]:
    """Return the rows of the measures that are no headlines."""
    return rows(card, METRICS.keys() - set(HEADLINES))


def headers(card: dict[str, Any]) -> list[str]:
    """Return the titles of the columns of `rows`."""
    who = subjects(card)
    return ["protocol", *who.values(), *(f"minus {who[c]}" for c in who if c != TRAINED)]


def people(card: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Return for each protocol a table with the accuracy of every test subject, titles first.

    The result is empty if the data name no subjects.
    """
    by_protocol: dict[str, list[dict[str, Any]]] = {}
    for row in card["subjects"]:
        by_protocol.setdefault(row["protocol"], []).append(row)
    return {protocol: _people(found) for protocol, found in by_protocol.items()}


def _people(found: list[dict[str, Any]]) -> list[list[str]]:
    each = zip(*(row["each"] for row in found), strict=True)
    return [
        ["subject", *(_word(row["subject"]) for row in found)],
        *([p[0]["name"], *(f"{100 * of['value']:.1f} %" for of in p)] for p in each),
        ["mean", *(_score(row) for row in found)],
        ["trained minus it", *(_gain(row.get("minus")) for row in found)],
    ]


def _word(subject: str) -> str:
    return SUBJECTS.get(subject, subject)


def _score(score: dict[str, Any] | None) -> str:
    if score is None:
        return "-"
    return f"{100 * score['value']:.1f} % ({100 * score['low']:.1f} to {100 * score['high']:.1f})"


def _gain(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return "-"
    value, low, high = (f"{100 * gain[k]:+.1f}" for k in ("value", "low", "high"))
    said = "" if gain["beats"] else WORSE if gain["high"] < 0 else SAME
    return f"{value} ({low} to {high})" + said
