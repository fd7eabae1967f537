"""Paired differences between the runs of the dashboard, by the figures that `compare` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from manyviews.dashboards.entry import identifier
from manyviews.runs.files import read_object
from manyviews.sweeps.boards.found import Found

MOST = 12  # runs of one data set between which all pairs are compared: 66 pairs, about 2 s


def pairs(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return differences and disagreements of every two runs that were evaluated on the same items.

    Of data with more than 12 such runs there are none; `manyviews compare` prints them for a pair.

    Args:
        found: the runs.

    Returns:
        Rows with `first` and `second` (see `entry.identifier`), `differences` and `disagreements`.
    """
    made: list[dict[str, Any]] = []
    for reports in _by_data(found):
        if 2 <= len(reports) <= MOST:
            changed = tuple(file.stat().st_mtime_ns for file in reports.values())
            made += json.loads(_figures((*reports,), (*reports.values(),), changed))
    return made


def _by_data(found: Sequence[Found]) -> list[dict[str, Path]]:
    """Return the reports that have predictions, by the row's identifier; a dict for each data."""
    groups: dict[str, dict[str, Path]] = {}
    for run in found:
        for report in (run.path / "report.json", run.path / "report" / "report.json"):
            card = read_object(report)
            if card and report.with_name("predictions.npz").is_file():
                test = card.get("data", {}).get("fingerprint", {}).get("test")
                groups.setdefault(json.dumps(test), {})[identifier(run.path)] = report
    return [*groups.values()]


@lru_cache(maxsize=16)
def _figures(names: tuple[str, ...], reports: tuple[Path, ...], changed: tuple[int, ...]) -> str:
    """Return the rows of `pairs` as JSON; reports that did not change are not compared again."""
    # torch is imported here, so that pages without paired runs are written at once.
    from manyviews.scoring.arrays import load_predictions
    from manyviews.scoring.comparison import compare

    cards = {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name, file in zip(names, reports, strict=True)
    }
    predictions = {
        name: load_predictions(file.with_name("predictions.npz"))
        for name, file in zip(names, reports, strict=True)
    }
    figures = compare.figures(cards, predictions, {})
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for kind in ("differences", "disagreements"):
        for row in figures[kind]:
            pair = row.pop("first"), row.pop("second")
            rows.setdefault(pair, {"differences": [], "disagreements": []})[kind].append(row)
    return json.dumps([{"first": a, "second": b, **row} for (a, b), row in rows.items()])
