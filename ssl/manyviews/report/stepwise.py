"""The report's figure of the eigenvalues over training: the stepwise picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manyviews.report.plots import svg
from manyviews.runs import EIGENVALUES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 24  # eigenvalues that are drawn
FLOOR = 1e-6  # of the largest eigenvalue ever: what is smaller is not drawn


def stepwise(run: Path) -> str | None:
    """Return an SVG of the largest eigenvalues over training, a line each, on logarithmic axes.

    The n-th line is the n-th largest eigenvalue of each record, and its shade tells n.

    Args:
        run: a run folder.

    Returns:
        The SVG; None if the run has fewer than two records in eigenvalues.jsonl.
    """
    records = read(run / EIGENVALUES)
    return _drawn(records) if len(records) > 1 else None


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of an eigenvalues.jsonl; damaged lines are left out, as is a lost file."""
    records = []
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else []:
        try:
            record = json.loads(line)
            records += [record] if record["step"] >= 0 and record["eigenvalues"] else []
        except (ValueError, KeyError, TypeError):
            continue
    return records


def _drawn(records: list[dict[str, Any]]) -> str:
    """Return the figure; an eigenvalue that is 0 has a gap, because its logarithm has no place."""
    step = [record["step"] for record in records]
    count = min(SHOWN, *(len(record["eigenvalues"]) for record in records))
    floor = FLOOR * max(record["eigenvalues"][0] for record in records)

    def draw(figure: Figure) -> None:
        """Draw a line for each eigenvalue, the largest one darkest."""
        axes = figure.add_subplot()
        for n in range(count):
            value = [record["eigenvalues"][n] for record in records]
            shown = [v if v > floor else float("nan") for v in value]
            axes.plot(step, shown, color="#1a56c4", alpha=1 - 0.8 * n / count, linewidth=1.2)
        axes.set(xlabel="optimizer step", ylabel="eigenvalue", xscale="log", yscale="log")

    return svg(draw, (4.6, 2.7))
