"""The figures of the suites: docs/performance.json, and docs/performance.md made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from windows import Ratio, drift, ratio

from manyviews.hardware import environment

DOCS = Path(__file__).parent.parent / "docs"
FIGURES, PAGE = DOCS / "performance.json", DOCS / "performance.md"
UNSTEADY = 0.15  # halves of a side's windows that differ by more are told
SCALES = {"ms": 1e3, "us": 1e6, "s": 1.0}
HEAD = """# Performance

Made by `make bench` (`python benchmarks/run.py SUITE` renews one suite); the figures with all their
digits are in [performance.json](performance.json). Every ratio is the median over pairs of windows
that alternate in one process tree, with a 95 % bootstrap interval; above 1 the second side is the
faster one. Beside each ratio stand whether both sides compute the same, and what memory they take.
All sides keep what tensors free, as `manyviews pretrain` and `evaluate` do on a CPU, but for those
that are processes of their own. *Unsteady* marks rows in which the windows of a side drifted by
more than {unsteady:.0%}: the machine was not quiet.

{processor}, {cores} cores, torch {torch}, Python {python}.
"""
COLUMNS = ("case", "compared", "ratio", "goal", "times", "agreement", "memory", "besides")


class Row(NamedTuple):
    """One comparison.

    Attributes:
        case: what both sides do.
        first: name of the first side; of a comparison with a peer, the peer.
        second: name of the second side.
        unit: of the times shown: s, ms or us.
        seconds: of every window, first and second side, per call or item.
        agreement: how it is known that both compute the same.
        memory: of the first side / of the second.
        goal: "at least" or "at most", and the ratio aimed for.
        besides: what else is to be said.
    """

    case: str
    first: str
    second: str
    unit: str
    seconds: tuple[list[float], list[float]]
    agreement: str
    memory: str
    goal: tuple[str, float] | None = None
    besides: str = ""

    @property
    def ratio(self) -> Ratio:
        """First over second."""
        return ratio(*self.seconds)


def record(suite: str, intro: str, rows: list[Row], load: tuple[float, float]) -> None:
    """Put the rows of a suite into the figures, and write the page anew.

    Args:
        suite: its name.
        intro: a paragraph on what is measured.
        rows: the comparisons.
        load: mean number of waiting processes before and behind, that of the suite included.
    """
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    described = [{**row._asdict(), "ratio": row.ratio._asdict()} for row in rows]
    figures.setdefault("suites", {})[suite] = {"intro": intro, "load": load, "rows": described}
    figures["environment"] = environment()
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures))


def page(figures: Mapping[str, Any]) -> str:
    """Markdown of all suites."""
    parts = [HEAD.format(unsteady=UNSTEADY, **figures["environment"])]
    for name, suite in sorted(figures["suites"].items()):
        before, behind = suite["load"]
        load = f"Load average {before:.1f} before, {behind:.1f} behind."
        lines = [line(COLUMNS), line(["---"] * len(COLUMNS))]
        lines += [line(cells(row)) for row in suite["rows"]]
        parts.append(f"## {name}\n\n{suite['intro']} {load}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def cells(row: Mapping[str, Any]) -> list[str]:
    """The columns of a row, as text."""
    scale = SCALES[row["unit"]]
    times = [digits(median(side) * scale) for side in row["seconds"]]
    unsteady = max(map(drift, row["seconds"])) > UNSTEADY
    value, low, high = (row["ratio"][k] for k in ("value", "low", "high"))
    return [
        row["case"],
        f"{row['first']} / {row['second']}",
        f"**{value:.3g}** ({low:.3g} to {high:.3g})" + (", *unsteady*" if unsteady else ""),
        _goal(row["goal"], value),
        f"{' / '.join(times)} {row['unit']}",
        row["agreement"],
        row["memory"],
        row["besides"],
    ]


def _goal(goal: tuple[str, float] | None, value: float) -> str:
    if goal is None:
        return ""
    sense, bound = goal
    met = value >= bound if sense == "at least" else value <= bound
    return f"{sense} {bound:g}: {'met' if met else 'missed'}"


def digits(figure: float) -> str:
    """Three digits, and all those before the point."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}"


def megabytes(count: float) -> str:
    """Bytes as text."""
    return digits(count / 1e6)


def line(texts: list[str] | tuple[str, ...]) -> str:
    """A line of a table."""
    return f"| {' | '.join(texts)} |"
