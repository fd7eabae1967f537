"""Turn the scores of report.json into the rows of the results tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from manyviews.evaluation.suite import sentences
from manyviews.evaluation.words import HEADLINES, LABEL_FREE, SUBJECTS, TRAINED, in_words

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


class Bar(NamedTuple):
    """A score of a summary card, with its place on the card's scale in percent of the width.

    Attributes:
        name: the trained backbone, or a control.
        value: the score with its interval.
        low: where the interval begins.
        width: length of the interval.
        at: where the score lies.
        said: what the trained backbone gains over the control; empty for itself.
        verdict: "beaten", "worse" (the trained backbone is), "same" or "few".
    """

    name: str
    value: str
    low: float
    width: float
    at: float
    said: str = ""
    verdict: str = ""


class Card(NamedTuple):
    """The summary of one protocol: the headline with its interval, and the controls beside it."""

    title: str
    value: str
    interval: str
    subjects: list[Bar]


def cards(card: dict[str, Any]) -> list[Card]:
    """Return a summary card for each protocol that is scored by labels."""
    known = [s for s in tested(card) if s["metric"] in HEADLINES and s["low"] is not None]
    by_protocol: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in known:
        by_protocol.setdefault((row["protocol"], row["metric"]), []).append(row)
    return [
        _card(card, protocol, metric, found)
        for (protocol, metric), found in by_protocol.items()
        if found[0]["subject"] == TRAINED
    ]


def _card(card: dict[str, Any], protocol: str, metric: str, found: list[dict[str, Any]]) -> Card:
    """Return one card; its scale reaches from the lowest to the highest interval."""
    gains = {
        d["control"]: d
        for d in card["differences"]
        if (d["protocol"], d["metric"]) == (protocol, metric)
    }
    least, most = min(s["low"] for s in found), max(s["high"] for s in found)
    words = subjects(card)
    bars = [
        _bar(s, words[s["subject"]], gains.get(s["subject"]), least, max(most - least, 1e-9))
        for s in found
    ]
    own = found[0]
    interval = f"{100 * own['low']:.1f} to {100 * own['high']:.1f}"
    title = protocol if metric == "top1" else f"{protocol}, {in_words(metric)}"
    said = f"{interval} · {own['n']} test {card['data']['items']}"
    return Card(title, f"{100 * own['value']:.1f} %", said, bars)


def _bar(
    score: dict[str, Any], name: str, gain: dict[str, Any] | None, least: float, length: float
) -> Bar:
    """Return the place of a score on a scale of some length that begins at the least score."""
    low, high, at = (
        round(100 * (score[key] - least) / length, 2) for key in ("low", "high", "value")
    )
    said, verdict = _verdict(gain)
    return Bar(name, _score(score), low, round(high - low, 2), at, said, verdict)


def notes(card: dict[str, Any]) -> list[str]:
    """Return the sentences of a report that its cards do not show already."""
    shown = sentences(card["differences"])
    return [said for said in card["sentences"] if said not in shown]


def _verdict(gain: dict[str, Any] | None) -> tuple[str, str]:
    """Return a sentence on the difference to a control, and its kind."""
    if gain is None:
        return "", ""
    points = _points(gain)
    if gain["beats"] is None:
        return f"trained minus it {points}: too few groups", "few"
    if gain["beats"]:
        return f"beaten by {points}", "beaten"
    if _is_worse(gain):
        return f"not beaten: {points}", "worse"
    return f"not distinguishable: {points}", "same"


def tested(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores on test items; earlier reports have no others and do not name the split."""
    return [s for s in card["scores"] if s.get("split", "test") == "test"]


def subjects(card: dict[str, Any]) -> dict[str, str]:
    """Return the words for trained backbone and controls by name, the trained backbone first."""
    named = card.get("named", {})  # of a backbone without a run
    return {s["subject"]: named.get(s["subject"], _word(s["subject"])) for s in tested(card)}


def rows(card: dict[str, Any], metrics: Collection[str] = HEADLINES) -> list[Row]:
    """Return a row for each protocol and each of these measures, in the order of the report."""
    scores = {(s["protocol"], s["metric"], s["subject"]): s for s in tested(card)}
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
    without = [s for s in tested(card) if s["low"] is None]
    scores = {(s["protocol"], s["metric"], s["subject"]): s["value"] for s in without}
    who = subjects(card)
    return [
        Row(
            f"{protocol}, {_measure(metric)}",
            [_number(scores.get((protocol, metric, w))) for w in who],
            [],
        )
        for protocol, metric in dict.fromkeys((p, m) for p, m, _ in scores)
    ]


def _measure(metric: str) -> str:
    """Return a measure in words."""
    return LABEL_FREE.get(metric) or in_words(metric)


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
    said = FEW if gain["beats"] is None else ""
    if gain["beats"] is False:
        said = WORSE if _is_worse(gain) else SAME
    return _points(gain) + said


def _points(gain: dict[str, Any]) -> str:
    """Return a difference in points with its interval."""
    value, low, high = (f"{100 * gain[k]:+.1f}" for k in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _is_worse(gain: dict[str, Any]) -> bool:
    """Return True if the trained backbone is worse; earlier reports do not say it."""
    return gain.get("worse", gain["high"] < 0)
