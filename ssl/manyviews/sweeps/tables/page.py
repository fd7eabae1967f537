"""The page of tables of figures, in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Literal

from manyviews.sweeps.markdown import table as markdown_table
from manyviews.sweeps.tables.figures import Measured, Score, Verdict, verdicts
from manyviews.sweeps.tables.files import Table

WIDTH = 100  # characters of a line of text
HEAD = (
    "Written by `{command}`. Accuracies are in percent, on test items. A figure is the mean over "
    "the seeds, with the standard deviation over them. Beside it stands each control, and in "
    "parentheses how much better the trained network is and for how many of the seeds the 95 % "
    "interval of that paired difference lies above 0. *Random* is the same network with the same "
    "seed before training. *Processor s* is the processor time of a run, training and evaluation "
    "together."
)


def page(parts: Sequence[tuple[Table, list[Measured], list[tuple[str, int]]]], command: str) -> str:
    """Return the page.

    Args:
        parts: every table with its finished runs, and row and seed of those that are missing.
        command: what writes this page.
    """
    made = [f"# Results\n\n{_wrapped(HEAD.format(command=command))}\n"]
    for table, found, missing in parts:
        made.append(f"## {table.title}\n\n{_wrapped(table.text)}\n")
        if found:
            made += [_means(table, found), "Run by run:\n", _runs(table, found)]
        if judged := [one for one in verdicts(table, found) if one.found is not None]:
            made += ["Compared with what is expected:\n", compared(judged)]
        if missing:
            names = ", ".join(f"{row} (seed {seed})" for row, seed in missing)
            made.append(_wrapped(f"Not measured: {names}.") + "\n")
    if runs := [run for _, found, _ in parts for run in found]:
        made.append(_foot(runs))
    return "\n".join(made)


def _wrapped(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False
    )


def compared(judged: Sequence[Verdict]) -> str:
    """Return a table of expected figures and of those that were found."""
    titles = ["row", "figure", "seeds", "found", "expected", "within it", "source"]
    rows = [
        [
            one.row,
            one.column,
            str(one.seeds),
            "-" if one.found is None else f"{one.found:.1f}",
            f"{one.expected:.1f} ± {one.within:.1f}",
            one.said,
            one.source,
        ]
        for one in judged
    ]
    return markdown_table(titles, rows)


def _means(table: Table, found: Sequence[Measured]) -> str:
    """Return a line per row: means over its seeds."""
    titles = ["row", "epochs", "seeds", "processor s"]
    shown = [name for name in table.rows if any(run.row == name for run in found)]
    controls = _compared_with(table, found, "controls")
    for title in table.columns:
        titles += [title, *controls[title]]
    lines = []
    for name in shown:
        runs = [run for run in found if run.row == name]
        cells = [name, _same([run.epochs for run in runs]), str(len(runs))]
        cells.append(f"{mean(run.processor for run in runs):.0f}")
        for title in table.columns:
            scores = [run.scores[title] for run in runs if title in run.scores]
            cells.append(_value(scores))
            cells += [_control(scores, control) for control in controls[title]]
        lines.append(cells)
    return markdown_table(titles, lines)


def _compared_with(
    table: Table, found: Sequence[Measured], of: Literal["controls", "gains"]
) -> dict[str, list[str]]:
    """Return by column the controls of the table that its scores have among these."""
    had = {
        title: {c for run in found if title in run.scores for c in getattr(run.scores[title], of)}
        for title in table.columns
    }
    return {title: [c for c in table.controls if c in had[title]] for title in table.columns}


def _same(values: Sequence[int]) -> str:
    return str(values[0]) if len({*values}) == 1 else f"{min(values)} to {max(values)}"


def _value(scores: Sequence[Score]) -> str:
    if not scores:
        return "-"
    values = [score.value for score in scores]
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _control(scores: Sequence[Score], control: str) -> str:
    """Return the mean of a control, and how much better the trained network is."""
    values = [score.controls[control] for score in scores if control in score.controls]
    gains = [score.gains[control] for score in scores if control in score.gains]
    if not values:
        return "-"
    better = ""
    if gains:
        beats = sum(low > 0 for _, low, _ in gains)
        better = f" ({mean(value for value, _, _ in gains):+.1f}, {beats} of {len(gains)})"
    return f"{mean(values):.1f}{better}"


def _runs(table: Table, found: Sequence[Measured]) -> str:
    """Return a line per run, with the intervals of its differences."""
    titles = ["row", "seed", "commit", "processor s"]
    paired = _compared_with(table, found, "gains")
    for title in table.columns:
        titles += [title, *(f"minus {control}" for control in paired[title])]
    lines = []
    for name in table.rows:
        for run in sorted((run for run in found if run.row == name), key=lambda run: run.seed):
            commit = str(run.environment.get("commit", ""))
            cells = [name, str(run.seed), commit, f"{run.processor:.0f}"]
            for title in table.columns:
                score = run.scores.get(title)
                cells.append("-" if score is None else f"{score.value:.1f}")
                cells += [_gain(score, control) for control in paired[title]]
            lines.append(cells)
    return markdown_table(titles, lines)


def _gain(score: Score | None, control: str) -> str:
    if score is None or control not in score.gains:
        return "-"
    value, low, high = score.gains[control]
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _foot(runs: Sequence[Measured]) -> str:
    """Return the last lines: protocols, threads and machine."""
    protocols = {name: one for run in runs for name, one in run.protocols.items()}
    said = ", ".join(f"{name} {digest}" for name, digest in sorted(protocols.items()))
    machines = {
        f"{e.get('processor')} with {e.get('cores')} cores, {e.get('threads')} of them used, torch "
        f"{e.get('torch')}"
        for e in (run.environment for run in runs)
    }
    where = "; ".join(sorted(machines))
    text = f"Protocols and the hashes of their configs: {said}. Measured on {where}."
    return _wrapped(text) + "\n"
