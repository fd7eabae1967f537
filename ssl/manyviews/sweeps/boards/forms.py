"""A leaderboard as a table for the terminal, CSV, Markdown or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from manyviews.evaluation.words import scale
from manyviews.sweeps.boards.leaderboard import Board
from manyviews.sweeps.boards.paired import Difference
from manyviews.sweeps.markdown import table as markdown_table

WORD = 8  # characters of a cell that stay on one line


def show(board: Board, form: str | None) -> None:
    """Print a leaderboard.

    Args:
        board: the leaderboard.
        form: "csv", "md" or "json"; None: a table for the terminal, and its notes.
    """
    written = {"csv": as_csv, "md": as_markdown, "json": as_json}
    if form is not None:
        print(written[form](board), end="")
        return
    show_table(table(board), board.notes)


def show_table(made: Table, notes: Sequence[str]) -> None:
    """Print a table and the sentences about it."""
    console = Console()
    console.print(made)
    for note in notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def table(board: Board) -> Table:
    """Return a table for the terminal."""
    lines = cells(board)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, title in enumerate(titles(board)):
        # A narrow terminal breaks lines between words, so that no digit is hidden.
        longest = max(len(word) for line in lines for word in ["", *line[i].split()])
        made.add_column(title, overflow="fold", min_width=min(longest, WORD))
    for line in lines:
        made.add_row(*map(Text, line))
    return made


def titles(board: Board) -> list[str]:
    """Return the titles of the columns."""
    keys = list(board.rows[0].keys)
    return [*keys, board.metric, "minus the best", "runs", "state", "time", "images/s", "memory"]


def cells(board: Board) -> list[list[str]]:
    """Return the text of each cell."""
    factor, unit = scale(board.metric)
    found = []
    for row in board.rows:
        value = "-" if row.value is None else f"{factor * row.value:.2f}{unit}"
        spread = "" if row.spread is None else f" ± {factor * row.spread:.2f}"
        states = ", ".join(f"{n} {state}" for state, n in row.states.items())
        cost = [
            "-" if row.seconds is None else f"{row.seconds / 60:.1f} min",
            "-" if row.images_per_s is None else f"{row.images_per_s:,.0f}",
            "-" if row.memory is None else f"{row.memory:.1f} GB",
        ]
        keys = [_text(value) for value in row.keys.values()]
        minus = _difference(row.minus_best, factor)
        found.append([*keys, value + spread, minus, str(row.runs), states, *cost])
    return found


def _difference(found: Difference | None, factor: float) -> str:
    """Return a difference and its interval as text, such as "-1.20 (-2.00 to -0.40)"."""
    if found is None:
        return ""
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" ({factor * found.low:+.2f} to {factor * found.high:+.2f})"
    return f"{factor * found.value:+.2f}{interval}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "null" if value is None else str(value)


def as_csv(board: Board) -> str:
    """Return the table as CSV, with plain numbers."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    cost = ["seconds", "images_per_s", "memory_gb"]
    minus = ["minus_best", "minus_best_low", "minus_best_high", "seeds_of_both"]
    writer.writerow([*board.rows[0].keys, board.metric, "spread", *minus, "runs", "states", *cost])
    for row in board.rows:
        states = " ".join(f"{state}:{n}" for state, n in row.states.items())
        differences = row.minus_best or [None] * len(minus)
        numbers = [row.value, row.spread, *differences, row.runs, states]
        numbers += [row.seconds, row.images_per_s, row.memory]
        writer.writerow([*row.keys.values(), *("" if n is None else n for n in numbers)])
    return made.getvalue()


def as_markdown(board: Board) -> str:
    """Return the table as Markdown."""
    notes = "".join(f"\n{note}\n" for note in board.notes)
    return markdown_table(titles(board), cells(board)) + notes


def as_json(board: Board) -> str:
    """Return the table as JSON."""
    rows = [
        {**row._asdict(), "minus_best": row.minus_best and row.minus_best._asdict()}
        for row in board.rows
    ]
    content: Mapping[str, Any] = {**board._asdict(), "rows": rows}
    return json.dumps(content, indent=2) + "\n"
