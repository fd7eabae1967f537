"""The command `manyviews dashboard`: one HTML file over many runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from manyviews import dashboards
from manyviews.dashboards import Written


def show(folders: Sequence[str], out: str, watch: bool, every: float) -> None:
    """Write the page and print where it is; with `watch`, as long as a run is at work.

    Args:
        folders: run folders, sweep folders, or folders that hold some of them.
        out: the HTML file.
        watch: True to write it again every few seconds.
        every: seconds from one page to the next.

    Raises:
        ConfigError: a folder does not exist, or there is no run.
    """
    places, page = [Path(folder) for folder in folders], Path(out)
    if not watch:
        print(line(dashboards.write(places, page)))
        return
    try:
        _watch(places, page, every)
    except KeyboardInterrupt:
        dashboards.write(places, page)  # a page that no longer loads itself again
        raise


def _watch(folders: Sequence[Path], page: Path, every: float) -> None:
    """Print where the runs stand whenever that changes, until none is at work."""
    before = ""
    for written in dashboards.watch(folders, page, every):
        if (now := line(written)) != before:
            print(now, flush=True)
            before = now
    print("no run is at work any more")


def line(written: Written) -> str:
    """Return where a page is, and how many runs of which state it shows."""
    total = sum(written.states.values())
    states = ", ".join(f"{n} {state}" for state, n in sorted(written.states.items()))
    return f"{written.page}: {total} run{'s' * (total != 1)} ({states})"
