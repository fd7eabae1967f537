"""A leaderboard as a table for the terminal, CSV, Markdown or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from manyviews.sweeps.leaderboard import Board
from manyviews.sweeps.paired import Difference


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
    console = Console()
    console.print(table(board))
    for note in board.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def table(board: Board) -> Table:
    """Return a table for the terminal."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles(board):
        made.add_column(title, overflow="fold")
    for row in cells(board):
        *first, value, minus_best, runs, state, time, speed, memory = row
        numbers = (Text(text, no_wrap=True) for text in (value, minus_best, runs))
        cost = (Text(text, no_wrap=True) for text in (time, speed, memory))
        made.add_row(*map(Text, first), *numbers, Text(state), *cost)
    return made


def titles(board: Board) -> list[str]:
    """Return the titles of the columns."""
    keys = list(board.rows[0].keys)
    return [*keys, board.metric, "minus the best", "runs", "state", "time", "images/s", "memory"]


def cells(board: Board) -> list[list[str]]:
    """Return the text of each cell."""
    scale, unit = _scale(board.metric)
    found = []
    for row in board.rows:
        value = "-" if row.value is None else f"{scale * row.value:.2f}{unit}"
        spread = "" if row.spread is None else f" ± {scale * row.spread:.2f}"
        states = ", ".join(f"{n} {state}" for state, n in row.states.items())
        cost = [
            "-" if row.seconds is None else f"{row.seconds / 60:.1f} min",
            "-" if row.images_per_s is None else f"{row.images_per_s:,.0f}",
            "-" if row.memory is None else f"{row.memory:.1f} GB",
        ]
        keys = [_text(value) for value in row.keys.values()]
        minus = _difference(row.minus_best, scale)
        found.append([*keys, value + spread, minus, str(row.runs), states, *cost])
    return found


def _difference(found: Difference | None, scale: float) -> str:
    """Return a difference and its interval as text, such as "-1.20 (-2.00 to -0.40)"."""
    if found is None:
        return ""
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" ({scale * found.low:+.2f} to {scale * found.high:+.2f})"
    return f"{scale * found.value:+.2f}{interval}"


def _scale(metric: str) -> tuple[float, str]:
    """Return the factor and unit in which a score is shown: accuracies in percent."""
    last = metric.rpartition("/")[2]
    shares = ("top1", "top5", "balanced", "macro", "recall", "precision", "map", "ari", "nmi")
    return (100.0, " %") if last.startswith(shares) else (1.0, "")


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
    head = titles(board)
    lines = [head, ["---"] * len(head), *cells(board)]
    escaped = ([text.replace("|", "\\|") for text in line] for line in lines)
    notes = "".join(f"\n{note}\n" for note in board.notes)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped) + notes


def as_json(board: Board) -> str:
    """Return the table as JSON."""
    rows = [
        {**row._asdict(), "minus_best": row.minus_best and row.minus_best._asdict()}
        for row in board.rows
    ]
    content: Mapping[str, Any] = {**board._asdict(), "rows": rows}
    return json.dumps(content, indent=2) + "\n"
