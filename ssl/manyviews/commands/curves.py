"""How metrics of several runs went while they trained, at a few epochs side by side."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from manyviews.evaluation.words import letter, scale
from manyviews.runs.curves import is_shown
from manyviews.runs.files import METRICS, read_records

SHOWN = 8  # epochs


def curves(run: Path) -> dict[str, dict[int, float]]:
    """Return the last value of each metric in each epoch, which counts from 1.

    Args:
        run: a run folder.
    """
    found: dict[str, dict[int, float]] = {}
    for record in read_records(run / METRICS):
        for name, value in record.items():
            if is_shown(name) and "epoch" in record:
                found.setdefault(name, {})[int(record["epoch"]) + 1] = float(value)
    return found


def table(*runs: Path) -> Table | None:
    """Return the metrics that all runs logged, in rows A, B, ...; None if there is none.

    The losses of two methods are not on one scale.

    Args:
        runs: run folders.
    """
    each = [curves(run) for run in runs]
    names = [name for name in each[0] if all(name in one for one in each)]
    epochs = sorted({epoch for one in each for name in names for epoch in one[name]})
    if not epochs:
        return None
    last = len(epochs) - 1
    shown = sorted({epochs[round(i * last / (SHOWN - 1))] for i in range(SHOWN)})
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("epoch", "", *map(str, shown)):
        made.add_column(title)
    for name in names:
        factor, unit = scale(name)
        for number, one in enumerate(each):
            values = [one[name].get(epoch) for epoch in shown]
            cells = ["" if value is None else f"{factor * value:.4g}{unit}" for value in values]
            made.add_row(*map(Text, ["" if number else name, letter(number), *cells]))
    return made
