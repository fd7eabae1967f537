"""Who started this process: a person, torchrun, SLURM's srun, or rank 0 of the same run.

Only the whole set of a launcher's environment variables counts. Containers and batch jobs leave
single ones behind (`LOCAL_RANK=0`, `SLURM_NTASKS=4`), and Lightning would then wait for processes
that nobody starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

FOLDER = "MANYVIEWS_RUN"  # the run folder, for ranks that rank 0 starts
TORCHRUN = ("TORCHELASTIC_RUN_ID", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# Batch scripts have most of SLURM's variables, too; only srun sets the one of the step.
SRUN = ("SLURM_STEP_ID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID")
# All that Lightning reads, or sets for the ranks that it starts.
READ = (
    *TORCHRUN,
    *SRUN,
    "LOCAL_WORLD_SIZE",
    "NODE_RANK",
    "GROUP_RANK",
    "SLURM_NTASKS_PER_NODE",
    "JSM_NAMESPACE_RANK",
)
# Values that fit a process that was started alone.
ALONE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "SLURM_NTASKS": "1"}


def started_by() -> Literal["torchrun", "srun", "rank 0"] | None:
    """Return what started this process as one of several; None if it was started alone."""
    if FOLDER in os.environ and _number("LOCAL_RANK") > 0:
        return "rank 0"
    if _complete(TORCHRUN, ("RANK", "LOCAL_RANK", "WORLD_SIZE")) and _number("WORLD_SIZE") > 1:
        return "torchrun"
    if _complete(SRUN, SRUN[1:]) and _number("SLURM_NTASKS") > 1:
        # The shell of an interactive job is a step of one task.
        return None if os.environ.get("SLURM_STEP_NUM_TASKS") == "1" else "srun"
    return None


def rank() -> int:
    """Return the number of this process in its run, known before there is a process group."""
    names = {"torchrun": "RANK", "srun": "SLURM_PROCID", "rank 0": "LOCAL_RANK"}
    starter = started_by()
    return int(os.environ[names[starter]]) if starter else 0


@contextmanager
def ours_alone(*, told: bool = False) -> Iterator[None]:
    """Hide the variables of launchers that did not start this process; restore all of them after.

    Args:
        told: whether to print a line about variables that promise several processes.
    """
    if started_by():
        yield
        return
    if told and (said := _contradiction(os.environ)):
        print(said, file=sys.stderr)
    with hidden():
        yield


@contextmanager
def hidden() -> Iterator[None]:
    """Hide the variables of launchers, as if this process was started alone; restore them after."""
    before = {name: os.environ.pop(name) for name in (*READ, FOLDER) if name in os.environ}
    try:
        yield
    finally:
        for name in (*READ, FOLDER):  # also those that Lightning has set since
            os.environ.pop(name, None)
        os.environ.update(before)


def _contradiction(variables: Mapping[str, str]) -> str:
    """Return a line about variables that promise several processes; empty if there are none."""
    promised = [
        f"{name}={variables[name]}"
        for name, alone in ALONE.items()
        if variables.get(name, "").strip() not in ("", alone)
    ]
    if not promised:
        return ""
    return (
        f"note: {', '.join(promised)} ignored: neither torchrun nor srun started this process, so "
        "it works alone; for several processes begin the command with torchrun or srun, or type "
        "trainer.devices=N"
    )


def _complete(names: tuple[str, ...], numbers: tuple[str, ...]) -> bool:
    return all(os.environ.get(n) for n in names) and all(_number(n) >= 0 for n in numbers)


def _number(name: str) -> int:
    """Return the number in a variable; -1 if it is not set or holds something else."""
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else -1
