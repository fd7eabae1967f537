"""The suite `evaluation=standard` on a run of the demo: wall time of the whole command.

`manyviews evaluate` scores the trained network, a random one and raw pixels under seven protocols
and writes the report, in a process with two threads and in float32. The run has been trained for
one step. At first neither features nor scores are in its folder; then the features are, those of
fresh views included. The second side of a row is the time that it may take. Agreement is about
the scores of the first and of the second evaluation.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from page import Row
from suites.probe import one_step
from windows import in_turn

from manyviews.runs import Run

THREADS = "2"
COMMAND = ["-m", "manyviews", "evaluate", "evaluation=standard", "logger.wandb=null"]
GOALS = {"nothing cached": 60, "features cached": 20}  # seconds


def rows(windows: int) -> Iterator[Row]:
    """Compare evaluations with the time that they may take."""
    with one_step("resnet_slim") as run:
        sides = {
            "nothing cached": partial(evaluated, run, keep=False),
            "features cached": partial(evaluated, run, keep=True),
        }
        found, scores = in_turn(sides, windows=min(windows, 3), clock=time.perf_counter)
    first, second = scores.values()
    agree = "scores equal" if first == second else "scores DIFFER"
    for side, most in GOALS.items():
        allowed = [float(most)] * len(found[side])
        goal = ("at most", 1.0)
        yield Row(side, "evaluation", f"{most} s", "s", (found[side], allowed), agree, "", goal)


def evaluated(run: Run, *, keep: bool) -> list[dict[str, Any]]:
    """Evaluate a run without earlier scores, and return the scores.

    Args:
        run: the run.
        keep: True to keep the features of an earlier evaluation.
    """
    shutil.rmtree(run.path / "report", ignore_errors=True)
    if not keep:
        shutil.rmtree(run.path / "features")
    environment = {**os.environ, "OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS}
    command = [sys.executable, *COMMAND, f"run={run.path}"]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return json.loads(run.report_of("last").read_text())["scores"]
