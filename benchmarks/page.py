"""Write the figures of the suites: docs/performance.json, and docs/performance.md made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from commits import measured_at
from windows import Ratio, drift, ratio

from manyviews.hardware import environment

DOCS = Path(__file__).parent.parent / "docs"
FIGURES, PAGE = DOCS / "performance.json", DOCS / "performance.md"
UNSTEADY = 0.15  # rows whose two halves of windows differ by more are marked
SCALES = {"ms": 1e3, "us": 1e6, "s": 1.0}
HEAD = """# Performance

Written by `make bench`, which takes about 25 minutes; `python benchmarks/run.py SUITE` measures one
suite again. [performance.json](performance.json) has all digits. Every suite names the commit it
was measured at.

- A *ratio* is the time of the first side divided by that of the second: above 1 the second side is
  faster. It is the median over pairs of timed windows; the two sides alternate. In brackets: its
  95 % bootstrap interval.
- *Agreement* says how it was checked that both sides compute the same.
- *Memory* is that of the first side / of the second.
- *Unsteady* marks rows in which the windows of a side drifted by more than {unsteady:.0%}: the
  machine was busy.

Memory that tensors free is kept for the next tensors on all sides, as `manyviews pretrain` and
`evaluate` do on a CPU, except for sides that run in a separate process.

{processor}, {cores} cores, torch {torch}, Python {python}.
"""
COLUMNS = ("case", "compared", "ratio", "goal", "times", "agreement", "memory", "besides")


class Row(NamedTuple):
    """One comparison.

    Attributes:
        case: the work that both sides do.
        first: name of the first side; in a comparison with another package, that package.
        second: name of the second side.
        unit: of the times shown: s, ms or us.
        seconds: seconds per call or item in every window, for the first and the second side.
        agreement: how it was checked that both sides compute the same, e.g. "gradient 1e-15".
        memory: memory of the first side / of the second, e.g. "1.2 / 3.4".
        goal: "at least" or "at most", and the ratio aimed for.
        besides: a remark, e.g. the reason for a missed goal.
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
        """Return the time of the first side over that of the second."""
        return ratio(*self.seconds)


def record(suite: str, intro: str, rows: list[Row], load: tuple[float, float], commit: str) -> None:
    """Put the rows of a suite into the figures, and write the page again.

    Args:
        suite: name of the suite.
        intro: a paragraph on what is measured.
        rows: the comparisons.
        load: load average of the machine before and after the suite.
        commit: short hash of the commit that was measured.
    """
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    described = [{**row._asdict(), "ratio": row.ratio._asdict()} for row in rows]
    figures.setdefault("suites", {})[suite] = {
        "commit": commit,
        "intro": intro,
        "load": load,
        "rows": described,
    }
    # Suites measured at other times share these lines: measure all again on another machine.
    figures["environment"] = environment()
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures))


def page(figures: Mapping[str, Any]) -> str:
    """Return the page with all suites as Markdown."""
    parts = [HEAD.format(unsteady=UNSTEADY, **figures["environment"])]
    for name, suite in sorted(figures["suites"].items()):
        before, after = suite["load"]
        load = f"Load average {before:.1f} before, {after:.1f} after."
        said = f"{measured_at(suite.get('commit'))} {load}"
        lines = [line(COLUMNS), line(["---"] * len(COLUMNS))]
        lines += [line(cells(row)) for row in suite["rows"]]
        parts.append(f"## {name}\n\n{suite['intro']}\n\n{said}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def cells(row: Mapping[str, Any]) -> list[str]:
    """Return the columns of a row as text."""
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
    """Return a figure with three digits, or with all its digits before the point."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}"


def megabytes(count: float) -> str:
    """Return a number of bytes in MB as text."""
    return digits(count / 1e6)


def line(texts: list[str] | tuple[str, ...]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(texts)} |"
