"""The results in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from manyviews.report.results import headers, rows


def table(card: dict[str, Any]) -> Table:
    """Accuracy of the trained backbone and its controls, with 95 % intervals."""
    made = Table(title="accuracy, with 95 % intervals over test images; differences are paired")
    for title in headers():
        made.add_column(title)
    for row in rows(card):
        # Text, not str: a name with brackets is no markup.
        made.add_row(*(Text(cell) for cell in (row.protocol, *row.scores, *row.gains)))
    return made
