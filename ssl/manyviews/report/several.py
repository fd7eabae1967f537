"""Tables of several reports: one backbone on several data sets, or several backbones compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from manyviews.evaluation.words import HEADLINES, METRICS, TRAINED, letter


def transfer_table(cards: Sequence[dict[str, Any]], missing: Mapping[str, str]) -> Table:
    """Return one table of the headline scores on several data sets, with their mean.

    Every data set has the same weight in the mean. A data set that could not be read has a row with
    the reason.

    Args:
        cards: the content of each report.json.
        missing: by name, why a data set could not be read.
    """
    scores = [
        {
            (s["protocol"], s["metric"]): s
            for s in card["scores"]
            if s["subject"] == TRAINED and s["split"] == "test" and s["metric"] in HEADLINES
        }
        for card in cards
    ]
    columns = [*dict.fromkeys(key for found in scores for key in found)]
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("data", *(_title(*column) for column in columns)):
        made.add_column(title)
    for card, found in zip(cards, scores, strict=True):
        made.add_row(Text(card["data"]["name"]), *(_percent(found.get(c)) for c in columns))
    means = [_mean([found.get(c) for found in scores]) for c in columns]
    made.add_row(Text("mean"), *means)
    for name, reason in missing.items():
        made.add_row(Text(name), Text(f"not evaluated: {reason}"))
    return made


def comparison_table(path: Path) -> Table:
    """Return the differences of a comparison.json between every two backbones.

    Backbones are named by letters, which the title explains: their names are long and alike.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    pairs = [*found["differences"], *found["apart"]]
    names = dict.fromkeys(row[side] for row in pairs for side in ("first", "second"))
    letters = {name: letter(number) for number, name in enumerate(names)}
    title = Text("\n".join(f"{short}: {name}" for name, short in letters.items()))
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    made.add_column("difference", no_wrap=True)
    made.add_column("protocol")
    made.add_column("95 % interval")
    for row in found["differences"]:
        if row["metric"] in HEADLINES:
            value, low, high = (f"{100 * row[k]:+.1f}" for k in ("value", "low", "high"))
            few = (
                f"{row['few_groups']} groups are too few to speak of others"
                if "few_groups" in row
                else ""
            )
            said = few or ("" if row["differ"] else "not distinguishable")
            gain = f"{value} points ({low} to {high}){said and ', ' + said}"
            protocol = _title(row["protocol"], row["metric"])
            made.add_row(*map(Text, (_pair(row, letters), protocol, gain)))
    for row in found["apart"]:
        made.add_row(*map(Text, (_pair(row, letters), "not paired", row["reason"])))
    return made


def _pair(row: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    return f"{letters[row['first']]} minus {letters[row['second']]}"


def _title(protocol: str, metric: str) -> str:
    return protocol if metric == "top1" else f"{protocol}, {METRICS[metric]}"


def _percent(score: dict[str, Any] | None) -> Text:
    if score is None:
        return Text("-")
    low, high = 100 * score["low"], 100 * score["high"]
    return Text(f"{100 * score['value']:.1f} % ({low:.1f} to {high:.1f})")


def _mean(scores: Sequence[dict[str, Any] | None]) -> Text:
    known = [s["value"] for s in scores if s is not None]
    whole = len(known) == len(scores) and known
    return Text(f"{100 * sum(known) / len(known):.1f} %" if whole else "-")
