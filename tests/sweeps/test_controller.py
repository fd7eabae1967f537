"""Trials as processes: they fail, are killed and stopped, and the sweep goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from stand_ins import STAND_IN, begun, children_of, needs_proc, planned, wait_until

from manyviews.errors import ConfigError, Interrupted
from manyviews.runs import status
from manyviews.sweeps import attempts, controller
from manyviews.sweeps.controller import Controller
from manyviews.sweeps.launchers import processes
from manyviews.sweeps.plan import load


def run(sweep, **options):
    """How the trials ended, and what was said."""
    said = []
    made = Controller(sweep, say=said.append, **options)
    made.launcher.command = STAND_IN
    return {number: attempt.state for number, attempt in made.run().items()}, said


FIVE_WAYS = [
    {"fails": "raise"},
    {"fails": "exit"},
    {"fails": "kill", "leaves_child": True},
    {"seconds": 60},
    {"fails": "config"},
    {},
    {"seconds": 0.2},
]


def test_trials_that_fail_leave_the_others_alone_and_are_told_with_their_reason():
    sweep = planned(*FIVE_WAYS)
    ended, said = run(sweep, jobs=3, minutes=8 / 60)  # the others take a second on a quiet machine
    lost = ["failed", "failed", "killed", "timed out", "failed"]
    assert [ended[i] for i in range(7)] == [*lost, "finished", "finished"]
    text = "\n".join(said)
    assert "r0 failed: no more" in text and "r1 failed: exit code 3" in text
    assert "r2 killed: killed by SIGKILL, perhaps for want of memory" in text
    assert "r3 timed out: told to end by the sweep" in text
    assert "r4 failed: unknown data" in text
    states = [status.read(Path(f"runs/r{i}")).state for i in (0, 2, 3, 5)]
    assert states == ["failed", "killed", "timed out", "finished"]
    assert not children_of("sleep")  # what a killed trial left behind


def test_again_only_what_is_missing_is_run_and_a_mistake_is_not_repeated():
    sweep = planned(*FIVE_WAYS[:3], *FIVE_WAYS[4:])
    run(sweep, jobs=3)
    first = begun()
    ended, _ = run(sweep, jobs=3, retry="none")
    assert begun() == first and ended[0] == "failed"
    ended, _ = run(sweep, jobs=3)
    assert sorted(begun()[len(first) :]) == ["r0", "r1", "r2"]
    assert [ended[i] for i in range(6)] == ["finished"] * 3 + ["failed"] + ["finished"] * 2


def test_a_free_place_is_taken_at_once():
    # The first one ends when all others have; in pairs they would wait for each other.
    sweep = planned({"until": "runs/r3/report/report.json"}, {}, {}, {})
    ended, _ = run(sweep, jobs=2, minutes=1)
    assert set(ended.values()) == {"finished"}
    ends = [record["trial"] for record in attempts.read(sweep.path) if "state" in record]
    assert ends[:2] == [1, 2]


def test_the_cores_are_divided_and_the_user_s_choice_stays(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "usable_cores", lambda: 8)
    assert processes.environment(1, 3)["OMP_NUM_THREADS"] == "2"
    assert processes.environment(0, 20)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in processes.environment(1, 3)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [(1, [None]), (2, ["4,5", "6,7"]), (4, ["4", "5", "6", "7"]), (5, ["4", "5", "6", "7", "4"])],
)
def test_no_two_trials_see_the_same_gpu_while_there_are_enough(jobs, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    found = [processes.environment(i, jobs).get("CUDA_VISIBLE_DEVICES") for i in range(jobs)]
    assert found == expected


def test_a_trial_waits_for_the_one_that_it_needs():
    sweep = planned({"seconds": 0.5}, {}, needs={1: 0})
    ended, _ = run(sweep, jobs=2)
    assert ended == {0: "finished", 1: "finished"} and sorted(begun()) == ["r0", "r1"]
    ends = [record["trial"] for record in attempts.read(sweep.path) if "state" in record]
    assert ends == [0, 1]


def test_a_trial_whose_need_failed_is_not_begun():
    ended, said = run(planned({"fails": "raise"}, {}, {}, needs={1: 0}), jobs=2)
    assert ended == {0: "failed", 1: "failed", 2: "finished"}
    assert any("r1 failed: trial 0, which it needs, failed" in line for line in said)
    assert "r1" not in begun()


def test_a_run_that_another_process_trains_is_waited_for():
    sweep = planned({})
    Path("runs/r0").mkdir(parents=True)
    held = FileLock("runs/r0/.lock")
    held.acquire()
    made = Controller(sweep, say=lambda _: None)
    made.launcher.command = STAND_IN
    polls = iter(range(10**6))

    def sleep(_):
        if next(polls) == 5:
            assert not Path("runs/begun.txt").exists()
            held.release()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(controller.time, "sleep", sleep)
        assert made.run()[0].state == "finished"


def test_two_sweeps_that_meet_in_a_run_share_it():
    run(planned({}, name="first"))
    ended, _ = run(planned({}, {}, name="second"))
    assert ended == {0: "finished", 1: "finished"} and sorted(begun()) == ["r0", "r1"]


def test_a_second_controller_is_refused():
    sweep = planned({})
    with FileLock(sweep.path / ".lock"), pytest.raises(ConfigError, match="run by another process"):
        run(sweep)


SCRIPT = """
import sys
from pathlib import Path
from manyviews.errors import Interrupted
from manyviews.sweeps.controller import Controller
from manyviews.sweeps.plan import load
made = Controller(load(Path("sweeps/some")), jobs=2)
made.launcher.command = {command}
try:
    made.run()
except Interrupted as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def controlled():
    """A controller in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(command=STAND_IN)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@needs_proc
@pytest.mark.parametrize("whom", ["controller", "both"])
def test_what_survives_a_killed_controller_is_found_and_nothing_runs_twice(whom):
    planned({"seconds": 2}, {"seconds": 2}, {})
    first = controlled()
    wait_until(lambda: Path("runs/r1/done.txt").exists() and Path("runs/r0/done.txt").exists())
    first.kill()
    first.communicate()
    if whom == "both":
        os.kill(attempts.process_of(Path("sweeps/some"), 0), signal.SIGKILL)
        wait_until(lambda: processes.is_free(Path("sweeps/some/trials/0.lock")))
    ended, said = run(load(Path("sweeps/some")), jobs=2)
    assert set(ended.values()) == {"finished"}
    adopted = [line for line in said if "is still running; waiting for it" in line]
    assert len(adopted) == (2 if whom == "controller" else 1)
    assert sorted(begun()) == ["r0", *(["r0"] if whom == "both" else []), "r1", "r2"]


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_all_trials_save_and_end_and_the_same_command_continues(number):
    sweep = planned({"seconds": 60}, {"seconds": 60}, {})
    first = controlled()
    wait_until(lambda: Path("runs/r1/done.txt").exists() and Path("runs/r0/done.txt").exists())
    first.send_signal(number)
    said = first.communicate(timeout=20)[0]
    assert first.returncode == 128 + number
    assert "stopped; the same command continues sweeps/some" in said
    assert not children_of("trial.py")
    assert {status.read(Path(f"runs/r{i}")).state for i in (0, 1)} == {"stopped"}
    assert {r["state"] for r in attempts.read(sweep.path) if "state" in r} == {"stopped"}


@needs_proc
def test_trials_that_do_not_listen_are_killed(monkeypatch):
    monkeypatch.setattr(controller, "GRACE", 0.3)
    sweep = planned({"seconds": 60, "deaf": True})
    made = Controller(sweep, say=lambda _: None)
    made.launcher.command = STAND_IN
    sleep = time.sleep

    def stop_soon(seconds):
        if Path("runs/r0/done.txt").exists() and not made.signals:
            made.signals.append(signal.SIGINT)
        sleep(seconds)

    monkeypatch.setattr(controller.time, "sleep", stop_soon)
    with pytest.raises(Interrupted):
        made.run()
    assert not children_of("trial.py")
