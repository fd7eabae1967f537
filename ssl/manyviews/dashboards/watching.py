"""Write the dashboard again every few seconds, as long as a run is at work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from manyviews.dashboards.entry import SILENT
from manyviews.dashboards.page import Written, write
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.sweeps import plan, standing

OPEN = ("planned", "queued")  # states of trials that are still to come


def watch(folders: Sequence[Path], page: Path, every: float) -> Iterator[Written]:
    """Yield the page each time that it is written; the last one no longer loads itself again.

    Args:
        folders: as of `write`.
        page: the HTML file.
        every: seconds from one page to the next.

    Raises:
        ConfigError: as of `write`, or `every` is too short.
    """
    if not every >= 1:
        raise ConfigError(f"--every {every:g}: type 1 or more seconds")
    written = write(folders, page, every)
    while written.alive or any(_goes_on(folder) for folder in folders):
        yield written
        time.sleep(every)
        written = write(folders, page, every)
    yield write(folders, page)


def _goes_on(folder: Path) -> bool:
    """Return True if the folder is that of a sweep which will start another run.

    A sweep whose command ended shows no sign of life for five minutes; jobs may be queued longer.
    """
    if not (folder / plan.PLAN).is_file():
        return False
    sweep = plan.load(folder)
    states = standing.states_of(sweep).values()
    known = (status.read(Path(trial.folder)) for trial in sweep.trials)
    latest = max((one.heartbeat for one in known if one), default=0.0)
    recent = time.time() - latest < SILENT
    return "queued" in states or (recent and any(state in OPEN for state in states))
