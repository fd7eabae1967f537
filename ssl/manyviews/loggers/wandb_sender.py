"""Send an offline W&B run while it is written: `python -m manyviews.loggers.wandb_sender FOLDER`.

It is a separate process, so that training never waits for a server. Its standard input is a pipe
from the training process: the pipe closes when that process ends in any way, and then this one
ends, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

GRACE = 600.0  # seconds to send the rest after training; the files of a killed run have no end mark

PATIENCE = 60.0  # seconds to wait for the file of a run that has just begun


def main(folder: str) -> int:
    """Send a run until it is complete, or until `GRACE` seconds after training ended.

    Args:
        folder: the folder of the offline W&B run.

    Returns:
        0 if the server took the whole run; the exit code of `wandb beta sync` if it failed, and 1
        if it did not finish in time, or the server refused the run or answered with something else.
    """
    command = [sys.executable, "-m", "wandb", "beta", "sync", "--live", "--yes", folder]
    _await_file(Path(folder))
    # Without these variables wandb starts its own service; that of the training ends with it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_SERVICE")}
    sending = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    sys.stdin.buffer.read()  # returns when the training process has ended
    try:
        code = sending.wait(GRACE)
    except subprocess.TimeoutExpired:
        sending.terminate()
        return 1
    return code or int(not is_sent(Path(folder)))


def _await_file(folder: Path) -> None:
    """Wait for the run's file: before wandb has made it, there would be nothing to send."""
    end = time.monotonic() + PATIENCE
    while not any(folder.glob("*.wandb")) and time.monotonic() < end:
        time.sleep(0.1)


def is_sent(folder: Path) -> bool:
    """Return True if wandb marked a run as sent; it ends with 0 even if the server refused it."""
    return any(folder.glob("*.wandb.synced"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
