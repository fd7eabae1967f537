import errno
import os
import signal
import time
from pathlib import Path

import pytest

from manyviews import checkpoints, runs, train
from manyviews.callbacks.stop import Stop
from manyviews.errors import Interrupted, Terminated
from manyviews.method import Method
from manyviews.runs import status


def test_a_finished_run_says_so_with_its_checkpoint(done_here):
    said = status.read(done_here.path)
    assert (said.state, said.step, said.epochs) == ("finished", 8, 2)
    assert said.sha256 == checkpoints.digest(done_here.checkpoints / "last.ckpt")
    assert said.pid == os.getpid() and time.time() - said.heartbeat < 60


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [(signal.SIGINT, Interrupted, "Ctrl-C"), (signal.SIGTERM, Terminated, "SIGTERM")],
)
def test_a_stopped_run_says_where_it_stands(number, kind, reason, small, config_dir, monkeypatch):
    monkeypatch.setattr(Stop, "requested", lambda self: number)
    with pytest.raises(kind):
        train.pretrain(small, config_dir)
    said = status.read(next(Path("runs").iterdir()))
    assert (said.state, said.reason, said.step, said.epochs) == ("stopped", reason, 1, 0)


def test_a_failed_run_says_why(small, config_dir, monkeypatch):
    def broken(self, output):
        raise ArithmeticError("the sum\nis off")

    monkeypatch.setattr(Method, "total_loss", broken)
    with pytest.raises(ArithmeticError):
        train.pretrain(small, config_dir)
    said = status.read(next(Path("runs").iterdir()))
    assert (said.state, said.reason) == ("failed", "ArithmeticError: the sum is off")


def test_where_a_run_stands_is_known_without_reading_its_checkpoint(done, monkeypatch):
    monkeypatch.setattr(checkpoints, "read", None)  # reading would fail
    run = runs.load(done.path)
    assert run.trained and run.saved.step == 8


@pytest.mark.parametrize("text", [None, "{", '{"state": "finished", "unknown": 1}'])
def test_without_a_status_that_can_be_read_the_checkpoint_is_read(text, done):
    file = done.path / "status.json"
    file.unlink() if text is None else file.write_text(text)
    assert runs.load(done.path).saved.step == 8


def test_a_status_of_another_checkpoint_is_not_believed(done):
    status.write(done.path, step=3, epochs=0, sha256="0" * 64)
    assert runs.load(done.path).saved.step == 8


def test_a_disk_that_refuses_the_status_hides_no_error_and_stops_no_run(
    small, config_dir, monkeypatch
):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def broken(self, output):
        raise ArithmeticError("the sum is off")

    monkeypatch.setattr(status, "write_json", full)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Method, "total_loss", broken)
        with pytest.raises(ArithmeticError):
            train.pretrain(small, config_dir)
    run = train.pretrain(small, config_dir)
    assert run.trained and run.report.is_file() and status.read(run.path) is None


def test_a_run_that_goes_on_says_from_which_step_before_it_saves_again(
    small, config_dir, monkeypatch
):
    """Also if it was begun before there was a status."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Stop, "requested", lambda self: True)
        with pytest.raises(Interrupted):
            train.pretrain(small, config_dir)
    folder = next(Path("runs").iterdir())
    (folder / "status.json").unlink()

    def broken(self, output):
        raise ArithmeticError

    monkeypatch.setattr(Method, "total_loss", broken)
    with pytest.raises(ArithmeticError):
        train.pretrain(small, config_dir)
    said = status.read(folder)
    assert (said.state, said.step) == ("failed", 1)
    assert said.sha256 == checkpoints.digest(folder / "checkpoints" / "last.ckpt")
