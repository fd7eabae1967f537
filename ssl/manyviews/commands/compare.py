"""The command `manyviews compare`: what differs between runs, and between their scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from manyviews import runs
from manyviews.commands import curves
from manyviews.commands.config import diff
from manyviews.config.differences import differences_of_several
from manyviews.errors import ConfigError
from manyviews.evaluation.words import letter
from manyviews.runs import Run


def show(given: Sequence[str]) -> None:
    """Print the settings that differ, the curves, then the differences over the same test items.

    CKA is printed if an earlier `manyviews evaluate run=[A,B]` computed it.

    Args:
        given: run folders, two or more.

    Raises:
        ConfigError: one is no run folder, or has no scores yet.
    """
    found = [*_evaluated(given)]
    console = Console()
    if len(given) == 2:
        for line in diff.lines(given[0], given[1]):
            print(line, flush=True)
    else:
        console.print(_settings(found))
    if (beside := curves.table(*(run.path for run in found))) is not None:
        console.print(beside)
    from manyviews.scoring.comparison import compare  # all this is told before torch is imported

    print_figures(compare.write([run.report for run in found], found, "comparisons"))


def print_figures(comparison: Path) -> None:
    """Print differences, disagreement of predictions and CKA of a comparison.json, and its page."""
    from manyviews import report
    from manyviews.scoring.comparison.words import sentences

    console = Console()
    console.print(report.comparison_table(comparison))
    for sentence in sentences(json.loads(comparison.read_text(encoding="utf-8"))):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    page = comparison.with_name("index.html")
    console.print(f"comparison: {page}", markup=False, highlight=False, soft_wrap=True)


def _evaluated(given: Sequence[str]) -> Iterator[Run]:
    """Yield the runs.

    Raises:
        ConfigError: there is only one, one is no run folder, or has no scores yet.
    """
    if len(given) < 2:
        raise ConfigError("type two or more run folders to compare")
    for folder in given:
        run = runs.load(folder)
        if not run.report.is_file():
            raise ConfigError(
                f"{run.path} has no scores yet; type manyviews evaluate run={run.path}"
            )
        yield run


def _settings(found: Sequence[Run]) -> Table:
    """Return the keys in which several runs differ, a column per run."""
    title = "\n".join(f"{letter(i)}: {run.path}" for i, run in enumerate(found))
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=Text(title))
    made.title_justify = "left"
    for name in ("key", *(letter(i) for i in range(len(found)))):
        made.add_column(name, overflow="fold")
    for key, values in differences_of_several([run.config for run in found]).items():
        made.add_row(*map(Text, (key, *values)))
    return made
