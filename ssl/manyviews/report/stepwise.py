"""The report's plot of the eigenvalues over training: the stepwise picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from manyviews.panels import Line, Plot
from manyviews.runs import EIGENVALUES

SHOWN = 24  # eigenvalues that are drawn
FLOOR = 1e-6  # of the largest eigenvalue ever: what is smaller is not drawn


def stepwise(run: Path) -> Plot | None:
    """Return a plot of the largest eigenvalues over training, a line each, on logarithmic axes.

    The n-th line is the n-th largest eigenvalue of each record. An eigenvalue that is 0 has a gap,
    because its logarithm has no place.

    Args:
        run: a run folder.

    Returns:
        The plot; None if the run has fewer than two records in eigenvalues.jsonl.
    """
    records = read(run / EIGENVALUES)
    if len(records) < 2:
        return None
    step = [record["step"] for record in records]
    count = min(SHOWN, *(len(record["eigenvalues"]) for record in records))
    floor = FLOOR * max(record["eigenvalues"][0] for record in records)
    lines = []
    for n in range(count):
        value = [record["eigenvalues"][n] for record in records]
        lines.append(Line(f"{n + 1}", step, [v if v > floor else float("nan") for v in value]))
    title = "Eigenvalues of the embeddings over training"
    axes = ("optimizer step", "eigenvalue")
    return Plot(title, lines, *axes, log_x=True, log_y=True, family=True)


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
