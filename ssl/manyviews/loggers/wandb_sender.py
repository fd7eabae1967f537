"""Send an offline W&B run while it is written: `python -m manyviews.loggers.wandb_sender FOLDER`.

A process of its own, so that training never waits for a server. Its standard input is a pipe from
the process that trains: it ends with that process, however that one ends.
"""

from __future__ import annotations

import os
import subprocess
import sys

GRACE = 600.0  # seconds for what is not sent when the training ends; killed runs have no end mark


def main(folder: str) -> int:
    """Send until the run is complete, or for some minutes after its end."""
    command = [sys.executable, "-m", "wandb", "beta", "sync", "--live", "--yes", folder]
    # Not through the service process of the training, which ends with it.
    own = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_SERVICE")}
    sending = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=own)
    sys.stdin.buffer.read()
    try:
        return sending.wait(GRACE)
    except subprocess.TimeoutExpired:
        sending.terminate()
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
