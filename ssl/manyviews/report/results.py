"""Turn the scores of report.json into the rows of the results tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from manyviews.evaluation.words import HEADLINES, SUBJECTS, TRAINED, in_words

WORSE = ", worse"
SAME = ", not distinguishable"
FEW = ", too few groups"


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
    named = card.get("named", {})  # of a backbone without a run
    return {
        s["subject"]: named.get(s["subject"], _word(s["subject"]))
        for s in card["scores"]
        if s.get("split", "test") == "test"
    }


def rows(card: dict[str, Any], metrics: Collection[str] = HEADLINES) -> list[Row]:
    """Return a row for each protocol and each of these measures, in the order of the report."""
    tested = [s for s in card["scores"] if s.get("split", "test") == "test"]
    scores = {(s["protocol"], s["metric"], s["subject"]): s for s in tested}
    gains = {(d["protocol"], d["metric"], d["control"]): d for d in card["differences"]}
    who = subjects(card)
    return [
        Row(
            protocol if metric == "top1" else f"{protocol}, {in_words(metric)}",
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


def numbers(card: dict[str, Any]) -> list[Row]:
    """Return the rows of measures without an interval, such as RankMe."""
    tested = [s for s in card["scores"] if s.get("split", "test") == "test" and s["low"] is None]
    scores = {(s["protocol"], s["metric"], s["subject"]): s["value"] for s in tested}
    who = subjects(card)
    return [
        Row(f"{protocol}, {metric}", [_number(scores.get((protocol, metric, w))) for w in who], [])
        for protocol, metric in dict.fromkeys((p, m) for p, m, _ in scores)
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def validation(card: dict[str, Any]) -> list[list[str]]:
    """Return for each protocol its accuracy on the validation items and what it chose by it."""
    return [
        [s["protocol"], _score(s), ", ".join(f"{k} {v:g}" for k, v in s.get("setting", {}).items())]
        for s in card["scores"]
        if s.get("split") == "val"
    ]


def _without_score(failed: dict[str, Any], columns: int) -> Row:
    """Return the row of a protocol that raised an error, with the reason in its first cell."""
    scores = [f"no score: {failed['reason']}", *["-"] * (columns - 1)]
    return Row(failed["protocol"], scores, ["-"] * (columns - 1))


def further(card: dict[str, Any]) -> list[Row]:
    """Return the rows of the measures that are no headlines."""
    drawn = {s["metric"] for s in card["scores"] if s["low"] is not None}
    by_k = {name for name in drawn if name.startswith("top1_k")}  # the page draws them as a curve
    return rows(card, drawn - {*HEADLINES} - by_k)


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
    if score is None or score["low"] is None:
        return "-"
    return f"{100 * score['value']:.1f} % ({100 * score['low']:.1f} to {100 * score['high']:.1f})"


def _gain(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return "-"
    value, low, high = (f"{100 * gain[k]:+.1f}" for k in ("value", "low", "high"))
    said = FEW if gain["beats"] is None else ""
    if gain["beats"] is False:
        worse = gain.get("worse", gain["high"] < 0)  # earlier reports do not say it
        said = WORSE if worse else SAME
    return f"{value} ({low} to {high})" + said
