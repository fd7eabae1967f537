"""How metrics of two runs went while they trained, at a few epochs side by side."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from manyviews.evaluation.words import scale
from manyviews.runs.files import METRICS, read_records

SHOWN = 8  # epochs
PREFIXES = ("online/", "train/loss")  # of the metrics that are shown; parts of the loss are not


def curves(run: Path) -> dict[str, dict[int, float]]:
    """Return the last value of each metric in each epoch, which counts from 1.

    Args:
        run: a run folder.
    """
    found: dict[str, dict[int, float]] = {}
    for record in read_records(run / METRICS):
        for name, value in record.items():
            parts_of_loss = name.startswith("train/loss/")
            if name.startswith(PREFIXES) and not parts_of_loss and "epoch" in record:
                found.setdefault(name, {})[int(record["epoch"]) + 1] = float(value)
    return found


def table(first: Path, second: Path) -> Table | None:
    """Return the metrics that both runs logged; None if there is none.

    The losses of two methods are not on one scale.

    Args:
        first: a run folder.
        second: another one.
    """
    both = curves(first), curves(second)
    names = [name for name in both[0] if name in both[1]]
    epochs = sorted({epoch for one in both for name in names for epoch in one[name]})
    if not epochs:
        return None
    last = len(epochs) - 1
    shown = sorted({epochs[round(i * last / (SHOWN - 1))] for i in range(SHOWN)})
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("epoch", "", *map(str, shown)):
        made.add_column(title)
    for name in names:
        factor, unit = scale(name)
        for letter, one in zip("AB", both, strict=True):
            values = [one[name].get(epoch) for epoch in shown]
            cells = ["" if value is None else f"{factor * value:.4g}{unit}" for value in values]
            made.add_row(*map(Text, [name if letter == "A" else "", letter, *cells]))
    return made
