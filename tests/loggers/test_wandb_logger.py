import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from wandb_records import finished, records

from manyviews import config, runs
from manyviews.errors import ConfigError
from manyviews.loggers import wandb_logger

NAMES = ("eval/knn@1/top1", "val/knn@1/top1", "eval/knn@1/alpha_req")


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


def test_the_offline_run_says_what_was_chosen_and_what_the_ledger_says(run):
    told = {"group": "my sweep", "job_type": "trial", "notes": "warmer", "system": False}
    given = replace(run, choices={"method": "swav", "data": "pets", "backbone": "resnet18"})
    logger = wandb_logger.open_wandb("offline", "manyviews", None, ["mine"], **told, run=given)
    wandb_logger.log_ledger([logger], {"embedding_dim": 128})
    wandb_logger.finish([logger])
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    (begun,) = (r.run for r in records(finished(file)) if r.HasField("run"))
    assert (begun.run_group, begun.job_type, begun.notes) == ("my sweep", "trial", "warmer")
    assert [*begun.tags] == ["mine", "swav", "pets", "resnet18"]
    config = {u.key: json.loads(u.value_json) for u in begun.config.update}
    assert config["chosen"] == given.choices
    later = [u for r in records(file) for u in r.config.update if r.HasField("config")]
    assert {"embedding_dim": 128} in [json.loads(u.value_json) for u in later if u.key == "ledger"]


@pytest.mark.parametrize(("variable", "group"), [("sweep-1", "sweep-1"), ("", "swav")])
def test_the_group_is_the_sweep_and_otherwise_the_method(run, monkeypatch, variable, group):
    monkeypatch.setenv("WANDB_RUN_GROUP", variable)
    logger = wandb_logger.open_wandb("offline", "manyviews", None, [], run=run)
    wandb_logger.finish([logger])
    (file,) = run.path.glob("wandb/offline-run-*/*.wandb")
    assert {r.run.run_group for r in records(finished(file)) if r.HasField("run")} == {group}


def test_scores_on_validation_items_are_not_taken_for_those_on_test(run):
    score = {"protocol": "knn@1", "metric": "top1", "subject": "trained", "low": 0.1, "high": 0.9}
    score |= {"n": 50, "value": 0.25, "split": "test"}
    card = {
        "checkpoint": {"step": 7},
        "scores": [
            score,
            {**score, "value": 0.75, "split": "val"},
            {**score, "subject": "random", "value": 0.5},
            {**score, "metric": "alpha_req", "value": None},
        ],
    }
    logger = wandb_logger.open_wandb("offline", "manyviews", None, [], run=run)
    wandb_logger.log_report([logger], card)
    summary = {key: logger.experiment.summary.get(key) for key in ("step", *NAMES)}
    wandb_logger.finish([logger])
    assert summary == {"step": 7, **dict(zip(NAMES, (0.25, 0.75, None), strict=True))}


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


@pytest.fixture
def answering_server():
    """Start a server that answers every request by a function of its text; return its address."""
    held = []

    def start(code, answer):
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = answer(self.rfile.read(int(self.headers.get("content-length", 0))))
                self.send_response(code)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST

            def log_message(self, format, *args):  # noqa: A002
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=server.serve_forever, daemon=True).start()
        held.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in held:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (200, b"<html>hello</html>", "invalid character '<'"),
        (401, b'{"errors": [{"message": "no such user"}]}', "no such user"),
    ],
)
def test_a_server_that_answers_garbage_or_refuses_is_one_line_with_what_to_type(
    code, body, reason, run, answering_server, monkeypatch, capfd
):
    monkeypatch.setattr(wandb_logger, "PATIENCE", 30.0)
    monkeypatch.setenv("WANDB_BASE_URL", answering_server(code, lambda request: body))
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = wandb_logger.open_wandb("online", "manyviews", None, [], run=run)
    logger.experiment.log({"step": 1, "train/loss": 2.0})
    wandb_logger.finish([logger])
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("W&B did not take this run (") and reason in line
    assert line.endswith(f"type `wandb sync {logger.folder}` to send it yourself")
    assert logger.folder.is_dir()


def test_a_server_that_is_not_there_is_waited_for_a_few_seconds_only(run, monkeypatch, capfd):
    monkeypatch.setattr(wandb_logger, "PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("WANDB_BASE_URL", address)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = wandb_logger.open_wandb("online", "manyviews", None, [], run=run)
    begun = time.monotonic()
    wandb_logger.finish([logger])
    assert time.monotonic() - begun < 20
    (line,) = capfd.readouterr().out.splitlines()
    os.killpg(logger.sender.pid, signal.SIGTERM)
    logger.sender.wait()
    assert "not taken everything yet" in line and f"`wandb sync {logger.folder}`" in line


def accepted(request):
    """What W&B answers to the requests with which a run is sent."""
    project = {"id": "1", "name": "manyviews", "entity": {"id": "2", "name": "me"}}
    bucket = {"id": "3", "name": "r", "displayName": "r", "config": "{}", "project": project}
    files = {"runID": "3", "uploadHeaders": [], "files": []}
    answers = {
        b"mutation UpsertBucket": {"upsertBucket": {"bucket": bucket, "inserted": True}},
        b"mutation CreateRunFiles": {"createRunFiles": files},
        b"query ": {"model": {"bucket": None}},
    }
    data = next((answer for name, answer in answers.items() if name in request), {})
    return json.dumps({"data": data, "exitcode": None, "limits": {}}).encode()


def test_a_run_that_was_taken_is_sent_without_a_word(run, answering_server, monkeypatch, capfd):
    monkeypatch.setattr(wandb_logger, "PATIENCE", 30.0)
    monkeypatch.setenv("WANDB_BASE_URL", answering_server(200, accepted))
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = wandb_logger.open_wandb("online", "manyviews", None, [], run=run)
    logger.experiment.log({"step": 1, "train/loss": 2.0})
    wandb_logger.finish([logger])
    assert capfd.readouterr().out == "", logger.log.read_text()
    assert logger.sender.returncode == 0
