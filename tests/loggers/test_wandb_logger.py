import os
import re
import signal
import socket
import subprocess
import sys
from threading import Thread

import pytest

from manyviews import config, runs
from manyviews.errors import ConfigError
from manyviews.loggers import wandb_logger


@pytest.fixture
def run(small, config_dir, monkeypatch):
    for key in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("NETRC", "no-such-netrc")
    composed, choices = config.compose("pretrain", small, config_dir)
    path = runs.place(composed, choices)
    path.mkdir(parents=True)
    return runs.begin(path, composed, choices, small, {})


def test_online_without_a_login_is_one_line_and_no_prompt(run):
    with pytest.raises(ConfigError, match="mode=online needs a login: type `wandb login`"):
        wandb_logger.open_wandb("online", "manyviews", None, [], run=run)


def test_two_sessions_of_a_run_share_the_dashboard_s_id(run):
    ids = []
    for _ in range(2):
        logger = wandb_logger.open_wandb("offline", "manyviews", None, ["a"], run=run)
        ids.append(logger.experiment.id)
        wandb_logger.finish([logger])
    assert ids == [run.wandb_id] * 2
    assert len(list((run.path / "wandb").glob("offline-run-*"))) == 2


@pytest.fixture
def silent_server():
    """Address of a server that accepts and never answers, and the connections it holds."""
    held = []

    def accept(listening):
        while True:
            try:
                held.append(listening.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=accept, args=[listening], daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", held
        listening.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


@pytest.mark.slow
def test_a_server_that_never_answers_neither_stops_nor_fails_training(
    small, config_dir, silent_server
):
    address, held = silent_server
    online = ["logger=default", "logger.wandb.mode=online"]
    overrides = [o for o in small if o != "logger.wandb=null"] + online
    done = subprocess.run(
        [sys.executable, "-m", "manyviews", "pretrain", "--config-dir", config_dir, *overrides],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("WANDB_")},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "WANDB_BASE_URL": address,
            "WANDB_API_KEY": "0" * 40,
        },
        capture_output=True,
        text=True,
        timeout=80,  # wandb alone would wait 90 s for the first answer
    )
    assert done.returncode == 0, done.stderr
    assert held, "nothing tried to send"
    assert "report: runs/" in done.stdout
    sender = re.search(r"W&B has not taken everything yet, process (\d+) goes on", done.stdout)
    assert sender, done.stdout
    os.killpg(int(sender[1]), signal.SIGTERM)
