"""Print the results in the terminal: a line per score, so that 80 columns are enough."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from manyviews.report.results import rows, subjects


def table(card: dict[str, Any]) -> Table:
    """Return a table of the trained backbone and its controls, with 95 % intervals."""
    made = Table(
        title=card.get("unfinished"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
    )
    made.add_column("protocol, features")  # in a narrow terminal names are wrapped, numbers are not
    for title in ("accuracy (95 % interval)", "trained minus it"):
        made.add_column(title, no_wrap=True)
    for row in rows(card):
        # Text, not str: rich would read brackets in a name as markup.
        made.add_row(Text(row.title))
        for word, score, gain in zip(
            subjects(card).values(), row.scores, ["", *row.gains], strict=True
        ):
            # The sentences below the table say which controls are beaten.
            made.add_row(*map(Text, (f"  {word}", score, gain.partition(", ")[0])))
    return made
