"""The command `manyviews compare`: what differs between two runs, and between their scores."""

from __future__ import annotations

from rich.console import Console

from manyviews import runs
from manyviews.commands import curves
from manyviews.commands.config import diff
from manyviews.errors import ConfigError


def show(first: str, second: str) -> None:
    """Print the settings that differ, the curves, then the differences over the same test items.

    Args:
        first: a run folder.
        second: another one.

    Raises:
        ConfigError: one is no run folder, or has no scores yet.
    """
    found = [runs.load(given) for given in (first, second)]
    for run in found:
        if not run.report.is_file():
            raise ConfigError(
                f"{run.path} has no scores yet; type manyviews evaluate run={run.path}"
            )
    for line in diff.lines(first, second, None):
        print(line, flush=True)
    console = Console()
    if (beside := curves.table(found[0].path, found[1].path)) is not None:
        console.print(beside)
    # All this is told before torch is imported.
    from manyviews import report
    from manyviews.scoring import compare

    written = compare.write([run.report for run in found], "comparisons")
    console.print(report.comparison_table(written))
