"""Real `manyviews` processes that are begun, watched and told to stop."""

import os
import signal
import subprocess
import sys

PROGRAM = [sys.executable, "-W", "ignore", "-m", "manyviews"]
# What a shell that was itself begun by a launcher would hand on.
LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "SLURM_NTASKS")


def environment(**more):
    """The environment of a command: this package, one thread, no launcher's variables."""
    kept = {k: v for k, v in os.environ.items() if k not in LAUNCHED}
    own = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return kept | own | {"PYTHONUNBUFFERED": "1"} | more


def begin(*arguments, program=PROGRAM, **variables):
    """A process of a command in a group of its own, as a terminal begins it."""
    return subprocess.Popen(
        [*program, *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments, program=PROGRAM, timeout=90, **variables):
    """Exit code, output and errors of a command that ends by itself."""
    process = begin(*arguments, program=program, **variables)
    try:
        said = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, *said


def wait_for(process, start):
    """Read the output up to the line with this beginning."""
    for line in process.stdout:
        if line.startswith(start):
            return
    raise AssertionError(f"it never said {start!r}: {process.stderr.read()}")


def ending(process, timeout=60):
    """Exit code and errors of a process that was told to stop."""
    try:
        errors = process.communicate(timeout=timeout)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, errors


def replaced(overrides, *others):
    """Overrides in which others take the place of those for the same key."""
    keys = {text.partition("=")[0] for text in others}
    return [*(text for text in overrides if text.partition("=")[0] not in keys), *others]
