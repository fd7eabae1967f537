import json
import os
import signal
import sys
from pathlib import Path

import commands
import pytest

import manyviews
from manyviews import runs, scoring, train
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.stop import terminable
from manyviews.errors import Interrupted, Terminated
from manyviews.runs import status

LONG = ["epochs=5000", "callbacks.online_knn=null"]


def standing():
    return status.read(next(Path("runs").iterdir()))


def told_once(errors):
    """The line with which a stopped command ends; nothing else was said."""
    (line,) = errors.splitlines()
    assert line.startswith("manyviews: stopped, step ") and "of 5000 epochs) is saved in" in line
    assert line.endswith(": the same command continues")


@pytest.mark.parametrize(
    # A shell shows a process that ended by SIGINT as 130; bash then leaves its loop, too.
    ("number", "code", "reason"),
    [(signal.SIGINT, -signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_stopped_training_does_not_end_with_0(number, code, reason, small, config_dir):
    begun = commands.begin("pretrain", *commands.replaced(small, *LONG), "--config-dir", config_dir)
    commands.wait_for(begun, "epoch 2/")
    os.killpg(begun.pid, number)
    ended, errors = commands.ending(begun)
    assert ended == code
    told_once(errors)
    said = standing()
    assert (said.state, said.reason) == ("stopped", reason) and said.step >= 8


@pytest.mark.slow
def test_a_loop_over_seeds_ends_with_the_run_that_was_stopped(small, config_dir):
    options = " ".join([*commands.replaced(small, *LONG), "--config-dir", config_dir])
    loop = f"for s in 1 2 3; do '{sys.executable}' -W ignore -m manyviews pretrain {options} "
    begun = commands.begin(f"{loop} seed=$s; done", program=["bash", "-c"])
    commands.wait_for(begun, "epoch 2/")
    os.killpg(begun.pid, signal.SIGINT)
    told_once(commands.ending(begun)[1])
    assert len([*Path("runs").iterdir()]) == 1


@pytest.mark.slow
def test_two_processes_that_one_started_stop_together(small, config_dir):
    two = [*commands.replaced(small, *LONG), "trainer.devices=2"]
    begun = commands.begin("pretrain", *two, "--config-dir", config_dir)
    commands.wait_for(begun, "epoch 2/")
    os.kill(begun.pid, signal.SIGTERM)  # rank 0 alone, as a scheduler does
    code, errors = commands.ending(begun)
    assert code == 143
    told_once(errors)
    assert standing().state == "stopped"
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        os.killpg(begun.pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["torchrun", "rank 1"])
def test_the_processes_of_torchrun_stop_together_and_each_with_its_code(whom, small, config_dir):
    launcher = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run"]
    launcher += ["--standalone", "--nproc-per-node=2", "-m", "manyviews"]
    two = [*commands.replaced(small, *LONG), "trainer.devices=2", "--config-dir", config_dir]
    begun = commands.begin("pretrain", *two, program=launcher)
    commands.wait_for(begun, "epoch 2/")
    children = Path(f"/proc/{begun.pid}/task/{begun.pid}/children").read_text().split()
    os.kill(begun.pid if whom == "torchrun" else int(children[1]), signal.SIGTERM)
    code, errors = commands.ending(begun)
    assert code != 0
    assert [x for x in errors.splitlines() if x.startswith("manyviews: stopped, step ")] != []
    assert "died" not in errors
    assert (standing().state, standing().reason) == ("stopped", "SIGTERM")
    if whom == "rank 1":  # torchrun says how each ended
        # It tells the first that ended, and ends the other by SIGTERM if that is still saving.
        assert "exitcode  : 143" in errors or "Signal 15 (SIGTERM)" in errors


def interrupting(number):
    def interrupt(*arguments, **options):
        os.kill(os.getpid(), number)

    return interrupt


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, Interrupted), (signal.SIGTERM, Terminated)]
)
def test_a_stop_while_evaluating_says_that_all_epochs_are_done(
    number, kind, small, config_dir, monkeypatch
):
    monkeypatch.setattr(scoring, "make", interrupting(number))
    with pytest.raises(kind, match=r"broken off, step 8 \(2 of 2 epochs\) is saved in runs/"):
        train.pretrain(small, config_dir)
    assert standing().state == "stopped"
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_after_a_stop_while_evaluating_the_same_command_evaluates(
    small, config_dir, monkeypatch, tmp_path
):
    with monkeypatch.context() as patched:
        patched.setattr(scoring, "make", interrupting(signal.SIGINT))
        with pytest.raises(Interrupted):
            train.pretrain(small, config_dir)
    monkeypatch.chdir(tmp_path)
    assert train.pretrain(small, config_dir).report.is_file()
    assert standing().state == "finished"


def test_a_second_signal_breaks_off_in_mid_step_and_handlers_are_restored(
    small, config_dir, monkeypatch
):
    def twice(self, *arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Metrics, "on_train_batch_start", twice)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="broken off, step 0"):
        train.pretrain(small, config_dir)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert standing().state == "stopped"


def test_the_first_of_two_signals_of_one_kind_is_not_enough_to_break_off(
    small, config_dir, monkeypatch
):
    def twice(self, *arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Metrics, "on_train_batch_start", twice)
    with pytest.raises(Terminated, match="broken off"):
        train.pretrain(small, config_dir)


def test_python_gets_an_exception_that_names_folder_and_step(small, monkeypatch):
    monkeypatch.setattr(Metrics, "on_train_batch_start", interrupting(signal.SIGTERM))
    overrides = [o for o in small if o != "data=stripes"]
    with pytest.raises(
        Terminated, match=r"stopped, step 1 .* saved in runs/.*same command"
    ) as told:
        changes = ["epochs=1", "trainer.limit_train_batches=2"]
        manyviews.pretrain(*commands.replaced(overrides, *changes))
    assert told.value.exit_code == 143
    assert standing().step == 1


def test_a_stop_before_the_run_began_makes_no_folder(small, config_dir, monkeypatch):
    monkeypatch.setattr(train.build, "parts", interrupting(signal.SIGTERM))
    with pytest.raises(Terminated, match="stopped by SIGTERM"):
        train.pretrain(small, config_dir)
    assert not Path("runs").exists()


def test_a_program_keeps_its_own_handler_of_sigterm(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: print)
    set_by_us = []
    monkeypatch.setattr(signal, "signal", lambda *pair: set_by_us.append(pair))
    with terminable():
        pass
    assert set_by_us == []


def test_w_and_b_is_finished_when_a_run_is_stopped(small, config_dir, monkeypatch):
    from manyviews.loggers import wandb_logger

    finished = []
    monkeypatch.setattr(wandb_logger, "finish", lambda *given: finished.append(given))
    monkeypatch.setattr(Metrics, "on_train_batch_start", interrupting(signal.SIGINT))
    with pytest.raises(Interrupted):
        train.pretrain(small, config_dir)
    ((loggers, error),) = finished
    assert loggers == [] and isinstance(error, Interrupted)
    run = runs.load(next(Path("runs").iterdir()))
    assert json.loads((run.path / "status.json").read_text())["state"] == "stopped"
