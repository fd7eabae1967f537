"""What is left of a sweep: runs, time and disk, as far as its finished runs tell."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import mean

from manyviews.runs import status
from manyviews.runs.durations import about, clock
from manyviews.sweeps import attempts
from manyviews.sweeps.plan import Sweep


def estimate(sweep: Sweep, left: int, jobs: int) -> str:
    """Return a line with the number of runs that are left, and the time and disk that they take.

    Both are the means of the sweep's finished runs. Runs that begin together count as one after
    the other, `left / jobs` times.

    Args:
        sweep: the plan.
        left: number of runs that are to be trained.
        jobs: runs at the same time.
    """
    folders = [Path(trial.folder) for trial in sweep.trials if attempts.is_finished(trial)]
    total = f"{len(folders) + left} runs, {len(folders)} finished, {left} left"
    if not left:
        return total
    times = [known.seconds for f in folders if (known := status.read(f)) and known.seconds > 0]
    if not times:
        return f"{total}; time and disk: not known before a run has finished"
    rounds, size = math.ceil(left / jobs), mean(map(_bytes, folders))
    return (
        f"{total}; time: {about(rounds * mean(times))} with -j {jobs}; disk: "
        f"{_megabytes(left * size)} (a finished one took {clock(mean(times))} minutes and "
        f"{_megabytes(size)})"
    )


def _bytes(folder: Path) -> int:
    """Return how much the files of a folder hold."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _megabytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
