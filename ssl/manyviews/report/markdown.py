"""The report as Markdown."""

from __future__ import annotations

import html
from collections.abc import Iterable

from manyviews.report.results import headers, rows
from manyviews.report.run_files import RunFiles


def markdown(files: RunFiles) -> str:
    """Results, verdicts, protocols and ledger."""
    card = files.card
    results = [(row.protocol, *row.scores, *row.gains) for row in rows(card)]
    protocols = [(name, p["hash"]) for name, p in card["protocols"].items()]
    return "\n".join(
        [
            f"# {_cell(card['run'])}",
            "",
            "Accuracy with 95 % intervals over test images; differences are paired, in points.",
            "",
            *_table(headers(), results),
            "",
            *(f"- {_cell(sentence)}" for sentence in card["sentences"]),
            "",
            *_table(["protocol", "hash of its config"], protocols),
            "",
            *_table(["ledger", ""], files.ledger.items()),
            "",
        ]
    )


def _table(titles: list[str], cells: Iterable[Iterable[object]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *cells]
    return ["| " + " | ".join(_cell(c) for c in line) + " |" for line in lines]


def _cell(content: object) -> str:
    """Text that can neither end its cell nor become markup."""
    text = html.escape(" ".join(str(content).split()), quote=False)
    return text.replace("|", "\\|")
