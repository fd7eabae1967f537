"""Send an offline W&B run while it is written: `python -m manyviews.loggers.wandb_sender FOLDER`.

It is a separate process, so that training never waits for a server. Its standard input is a pipe
from the training process: the pipe closes when that process ends in any way, and then this one
ends, too.
"""

from __future__ import annotations

import os
import subprocess
import sys

GRACE = 600.0  # seconds to send the rest after training; the files of a killed run have no end mark


def main(folder: str) -> int:
    """Send a run until it is complete, or until `GRACE` seconds after training ended.

    Args:
        folder: the folder of the offline W&B run.

    Returns:
        The exit code of `wandb beta sync`, or 1 if it did not finish in time.
    """
    command = [sys.executable, "-m", "wandb", "beta", "sync", "--live", "--yes", folder]
    # Without these variables wandb starts its own service; that of the training ends with it.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_SERVICE")}
    sending = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    sys.stdin.buffer.read()  # returns when the training process has ended
    try:
        return sending.wait(GRACE)
    except subprocess.TimeoutExpired:
        sending.terminate()
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
