"""How much the choice of one setting matters for each value of another: a table of both."""

from __future__ import annotations

from statistics import stdev
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from manyviews.errors import ConfigError
from manyviews.evaluation.words import scale
from manyviews.sweeps.boards.forms import show_table
from manyviews.sweeps.boards.leaderboard import Board


class Line(NamedTuple):
    """A value of the first setting.

    Attributes:
        name: the value.
        scores: score by value of the second setting; the best one if further settings differ.
        best: the value of the second setting with the best score.
        spread: standard deviation of the scores; None if there are fewer than two.
    """

    name: str
    scores: dict[str, float]
    best: str
    spread: float | None


class Spread(NamedTuple):
    """A table of two settings.

    Attributes:
        group: name of the first setting, such as `backbone`.
        over: name of the second one, such as `optimizer`.
        metric: name of the score.
        columns: the values of the second setting.
        lines: a line per value of the first, the best score first.
    """

    group: str
    over: str
    metric: str
    columns: list[str]
    lines: list[Line]


def spread(board: Board, group: str, over: str) -> Spread:
    """Return a table of two settings.

    Args:
        board: the leaderboard of the runs, with a row per setting.
        group: setting that makes the rows.
        over: setting that makes the columns.

    Raises:
        ConfigError: one of them is the same in all runs.
    """
    for key in (group, over):
        if key not in board.rows[0].keys:
            differing = ", ".join(board.rows[0].keys)
            raise ConfigError(f"{key} is the same in all of these runs; they differ in {differing}")
    found: dict[str, dict[str, float]] = {}
    columns: set[str] = set()
    for row in board.rows:  # the best first, so each line's first score is its best
        name, column = str(row.keys[group]), str(row.keys[over])
        columns.add(column)
        if row.value is not None:
            found.setdefault(name, {}).setdefault(column, row.value)
    lines = []
    for name, scores in found.items():
        spreads = stdev(scores.values()) if len(scores) > 1 else None
        lines.append(Line(name, scores, next(iter(scores)), spreads))
    return Spread(group, over, board.metric, sorted(columns), lines)


def show(board: Board, group: str, over: str) -> None:
    """Print the table and the notes of the leaderboard; see `spread`."""
    show_table(table(spread(board, group, over)), board.notes)


def table(made: Spread) -> Table:
    """Return the table for the terminal."""
    factor, unit = scale(made.metric)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (made.group, *made.columns, f"best {made.over}", f"spread over {made.over}"):
        shown.add_column(title, overflow="fold")
    for line in made.lines:
        cells = [
            f"{factor * line.scores[column]:.2f}{unit}" if column in line.scores else "-"
            for column in made.columns
        ]
        spread = "-" if line.spread is None else f"± {factor * line.spread:.2f}"
        shown.add_row(*map(Text, (line.name, *cells, line.best, spread)))
    return shown
