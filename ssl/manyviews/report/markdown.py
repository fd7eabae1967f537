"""Render the report as Markdown."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from manyviews.report.results import Row, further, headers, people, rows
from manyviews.report.run_files import RunFiles


def markdown(files: RunFiles) -> str:
    """Return the report: results, sentences, further measures, subjects, protocols and ledger."""
    card = files.card
    more = further(card)
    protocols = [(name, p["hash"]) for name, p in card["protocols"].items()]
    return "\n".join(
        [
            f"# {_cell(card['run'])}",
            "",
            *([f"**{card['unfinished']}**", ""] if card["unfinished"] else []),
            f"Accuracy with 95 % intervals over test {card['data']['items']}; differences are "
            "paired, in points.",
            "",
            *_results(card, rows(card)),
            "",
            *(f"- {_cell(sentence)}" for sentence in card["sentences"]),
            "",
            *(["## Further measures", "", *_results(card, more), ""] if more else []),
            *(line for part in people(card).items() for line in _people(*part)),
            *_table(["protocol", "hash of its config"], protocols),
            "",
            *_table(["ledger", ""], files.ledger.items()),
            "",
        ]
    )


def _results(card: dict[str, Any], found: Iterable[Row]) -> list[str]:
    return _table(headers(card), [(row.title, *row.scores, *row.gains) for row in found])


def _people(protocol: str, lines: list[list[str]]) -> list[str]:
    return [
        f"## {_cell(protocol)}: accuracy of every test subject",
        "",
        "Each subject has the same weight in the mean. The 95 % interval is over subjects; with "
        "few of them it is hardly more than their range.",
        "",
        *_table(lines[0], lines[1:]),
        "",
    ]


def _table(titles: list[str], cells: Iterable[Iterable[object]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *cells]
    return ["| " + " | ".join(_cell(c) for c in line) + " |" for line in lines]


def _cell(content: object) -> str:
    """Return the content as text that can neither end its table cell nor become markup."""
    text = html.escape(" ".join(str(content).split()), quote=False)
    return text.replace("|", "\\|")
