"""Trials as jobs of a scheduler: submitit's own executors, and a stand-in for SLURM."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stand_ins import STAND_IN, begun, children_of, needs_proc, planned, wait_until

from manyviews import cli, config
from manyviews.errors import ConfigError, Interrupted, RunFailed
from manyviews.runs import status
from manyviews.sweeps import attempts, command, controller, standing
from manyviews.sweeps.controller import Controller
from manyviews.sweeps.launchers import job, slurm
from manyviews.sweeps.launchers.slurm import Jobs
from manyviews.sweeps.plan import load

SLURM = Path(__file__).parents[2] / "support" / "slurm.py"
FIRST = itertools.count(1000, 1000)  # submitit remembers the jobs of a process by their numbers


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(slurm, "PAUSE", 0.1)
    monkeypatch.setattr(slurm, "ASK", 0.5)
    monkeypatch.setattr(slurm, "ASK_SOON", 0.2)
    monkeypatch.setattr(slurm, "SURE", 0.5)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with what the stand-in for SLURM knows; its commands are on the PATH."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "first").write_text(str(next(FIRST)))
    for name in (*slurm.COMMANDS, "scontrol"):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {SLURM} {name} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(folder))
    return folder


def jobs_of(sweep, kind="slurm", *overrides, parallel=4, seconds=None):
    """A launcher whose jobs run stand-ins; their limit may be shorter than a minute."""
    typed = ["launcher=slurm", f"launcher.cluster={kind}", "launcher.notice_seconds=2", *overrides]
    made = Jobs(sweep.path, config.compose("multirun", typed)[0]["launcher"], parallel)
    made.command = STAND_IN
    if seconds is not None:
        made.executor.parameters["timeout_min"] = seconds / 60
    return made


def controlled(sweep, launcher, said=None, each=lambda: None, jobs=4):
    """A controller; `each` is called between two looks."""

    class Watched(Controller):
        def _pause(self):
            each()
            super()._pause()

    say = (lambda _: None) if said is None else said.append
    return Watched(sweep, jobs=jobs, launcher=launcher, say=say)


def states(ended):
    return [ended[number].state for number in sorted(ended)]


def ends(sweep):
    return [record for record in attempts.read(sweep.path) if "state" in record]


@needs_proc
def test_jobs_that_fail_leave_the_others_alone_and_are_told_with_their_reason(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    sweep, said = planned({}, {"fails": "raise"}, {"fails": "kill", "leaves_child": True}), []
    ended = controlled(sweep, jobs_of(sweep, "local"), said).run()
    assert states(ended) == ["finished", "failed", "killed"]
    text = "\n".join(said)
    assert "r1 failed: no more" in text and "r2 killed: killed by SIGKILL" in text
    assert not children_of("sleep") and not children_of("submitit")
    given = Path("runs/r0/variables.txt").read_text().split()
    assert not [name for name in given if name.startswith(("SLURM_", "SUBMITIT_"))]
    assert "OMP_NUM_THREADS" in given and "CUDA_VISIBLE_DEVICES" in given


def test_the_variables_of_launchers_are_taken_from_a_trial(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "RANK", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")
    found = job.environment(threads=3)
    assert not {"SLURM_JOB_ID", "SLURM_STEP_ID", "RANK", "LOCAL_RANK"} & {*found}
    assert found["CUDA_VISIBLE_DEVICES"] == "1" and found["OMP_NUM_THREADS"] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert job.environment(threads=3)["OMP_NUM_THREADS"] == "5"


@needs_proc
def test_a_job_that_runs_into_its_limit_goes_on_and_ends_once():
    sweep = planned({"seconds": 0.2, "until": "go"})

    def go():  # when it was begun a second time
        if Path("runs/begun.txt").exists() and len(begun()) > 1:
            Path("go").touch()

    ended = controlled(sweep, jobs_of(sweep, "local", seconds=4), each=go).run()
    assert states(ended) == ["finished"] and len(ends(sweep)) == 1
    assert len(begun()) > 1 and Path("runs/r0/done.txt").read_text() == "4"
    assert not children_of("trial.py") and not children_of("submitit")


@needs_proc
def test_a_job_that_runs_into_its_limit_once_too_often_has_timed_out():
    sweep = planned({"seconds": 60, "deaf": True})
    launcher = jobs_of(sweep, "local", "launcher.requeue=0", seconds=4)
    ended = controlled(sweep, launcher).run()
    assert states(ended) == ["timed out"]
    assert ended[0].reason == "it ran into its limit of 240 minutes, 1 times in all"
    assert status.read(Path("runs/r0")).state == "timed out" and not children_of("trial.py")


SCRIPT = """
import sys
from pathlib import Path
from manyviews import config
from manyviews.errors import Interrupted
from manyviews.sweeps.controller import Controller
from manyviews.sweeps.plan import load
from manyviews.sweeps.launchers.slurm import Jobs
sweep = load(Path("sweeps/some"))
typed = ["launcher=slurm", "launcher.cluster=local"]
launcher = Jobs(sweep.path, config.compose("multirun", typed)[0]["launcher"], 2)
launcher.command = {command}
try:
    Controller(sweep, jobs=2, launcher=launcher).run()
except Interrupted as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def in_a_process():
    """A controller in a process of its own, whose jobs belong to its terminal, too."""
    with Path("said.txt").open("w") as said:  # submitit's jobs would keep a pipe open
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT.format(command=STAND_IN)],
            stdout=said,
            start_new_session=True,
        )
    wait_until(lambda: Path("runs/r1/done.txt").exists() and Path("runs/r0/done.txt").exists())
    return process


@needs_proc
def test_jobs_that_survive_a_killed_controller_are_found_and_nothing_begins_twice():
    planned({"until": "go", "seconds": 0.1}, {"until": "go", "seconds": 0.1}, {})
    first = in_a_process()
    first.kill()
    first.wait()
    sweep, said = load(Path("sweeps/some")), []
    launcher = jobs_of(sweep, "local")
    ended = controlled(sweep, launcher, said, each=Path("go").touch, jobs=1).run()
    assert states(ended) == ["finished"] * 3 and sorted(begun()) == ["r0", "r1", "r2"]
    # Both at once, although one more would have to wait.
    assert ["waiting for it" in line for line in said] == [True, True, False, False, False]


@needs_proc
def test_ctrl_c_in_a_terminal_lets_all_jobs_save_and_end():
    sweep = planned({"seconds": 60}, {"seconds": 60}, {})
    first = in_a_process()
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(timeout=20) == 130
    said = Path("said.txt").read_text()
    assert "the same command continues sweeps/some" in said
    assert not children_of("trial.py") and not children_of("submitit")
    assert {status.read(Path(f"runs/r{i}")).state for i in (0, 1)} == {"stopped"}
    assert {record["state"] for record in ends(sweep)} == {"stopped"}


# It leaves its own files open.
@pytest.mark.filterwarnings("ignore:.*DEBUG_.*_log.*:pytest.PytestUnraisableExceptionWarning")
def test_the_executor_for_debugging_runs_jobs_in_this_process():
    sweep = planned({}, {"fails": "exit"})
    ended = controlled(sweep, jobs_of(sweep, "debug")).run()
    assert states(ended) == ["finished", "failed"] and not attempts.open_jobs(sweep.path)


def test_what_may_begin_is_submitted_as_one_array_and_collected_later(cluster):
    acts = [{"until": "go"}, {"fails": "raise"}, {}, {}]
    sweep, said = planned(*acts, needs={3: 0}), []
    options = ["launcher.partition=gpu", "launcher.gpus=2", "launcher.account=ours"]
    options += ["launcher.memory_gb=16", "launcher.minutes=90", "launcher.setup=['export X_=1']"]
    first = jobs_of(sweep, "slurm", *options, parallel=2)
    assert controlled(sweep, first).detach(first.submit) == (3, 0, 1)
    (script,) = Path("sweeps/some/jobs").glob("*_submission.sh")
    lines = script.read_text().splitlines()
    assert {
        "#SBATCH --array=0-2%2",
        "#SBATCH --partition=gpu",
        "#SBATCH --account=ours",
        "#SBATCH --gpus-per-node=2",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=16GB",
        "#SBATCH --time=90",
        "#SBATCH --nodes=1",
        "#SBATCH --signal=USR2@2",
        "export X_=1",
    } <= {*lines}
    assert any(line.startswith("srun") and "--cpus-per-task=4" in line for line in lines)
    assert standing.states_of(sweep)[0] in ("queued", "training")
    wait_until(lambda: Path("sweeps/some/trials/2.code").exists())
    second = jobs_of(sweep)
    assert controlled(sweep, second).detach(second.submit) == (0, 2, 1)  # one is finished
    ended = controlled(sweep, jobs_of(sweep), said, each=Path("go").touch).run()
    assert states(ended) == ["finished", "failed", "finished", "finished"]
    assert sorted(begun()) == ["r0", "r1", "r2", "r3"] and "r1 failed: no more" in "\n".join(said)
    given = Path("runs/r0/variables.txt").read_text().split()
    assert "X_" in given and not [name for name in given if name.startswith("SLURM_")]


def test_a_preempted_job_saves_waits_for_slurm_and_goes_on_when_it_runs_again(cluster):
    sweep, sent = planned({"seconds": 0.1, "until": "go"}), []

    def preempt():
        known = status.read(Path("runs/r0"))
        if not sent and Path("runs/r0/done.txt").exists():
            sent.append(signal.SIGTERM)
        elif len(sent) == 1 and known.state == "stopped":
            time.sleep(1)  # a job that ended by itself would not run again
            sent.append(signal.SIGUSR2)
        elif len(sent) == 2 and len(begun()) == 2:
            Path("go").touch()
            return
        else:
            return
        (pid,) = cluster.glob("*.pid")
        os.kill(int(pid.read_text()), sent[-1])

    ended = controlled(sweep, jobs_of(sweep), each=preempt).run()
    assert states(ended) == ["finished"] and begun() == ["r0", "r0"] and len(ends(sweep)) == 1


def test_lost_jobs_are_told_and_the_others_go_on(cluster):
    sweep = planned({}, {}, {}, {})
    (cluster / "full").touch()  # jobs wait in the queue
    told = ["OUT_OF_MEMORY", "TIMEOUT", None]  # the last one is known neither to sacct nor squeue

    def lose():
        known = attempts.open_jobs(sweep.path)
        for number, state in enumerate(told if len(known) == 4 else []):
            file = cluster / f"{known[number].job}.state"
            file.unlink() if state is None else file.write_text(state)
        told.clear()
        if len(known) == 1 and not (cluster / "begun").exists():
            (cluster / "begun").touch()
            subprocess.run([sys.executable, SLURM, "begin", known[3].job], check=True)

    ended = controlled(sweep, jobs_of(sweep), each=lose).run()
    assert states(ended) == ["killed", "timed out", "killed", "finished"] and begun() == ["r3"]
    assert "SLURM says OUT_OF_MEMORY of job" in ended[0].reason
    assert "SLURM says TIMEOUT of job" in ended[1].reason and "is gone" in ended[2].reason


def test_ctrl_c_cancels_jobs_that_wait_and_lets_the_others_save(cluster):
    sweep = planned({"seconds": 60}, {"seconds": 60})
    launcher = jobs_of(sweep)
    made = controlled(sweep, launcher)

    def interrupt():
        if Path("runs/r0/done.txt").exists() and not made.signals:
            made.signals.append(signal.SIGINT)

    launcher.submit(sweep.trials[:1])
    (cluster / "full").touch()  # the second job waits
    made._pause = lambda: (interrupt(), time.sleep(0.1))
    with pytest.raises(Interrupted, match="the same command continues"):
        made.run()
    assert [record["state"] for record in ends(sweep)] == ["stopped", "stopped"]
    assert status.read(Path("runs/r0")).state == "stopped" and not Path("runs/r1").exists()
    said = sorted(file.read_text() for file in cluster.glob("*.state"))
    assert said[0] == "CANCELLED by 0" and said[1] in ("COMPLETED", "RUNNING")
    assert "end" in job.wish_file(sweep.path, 1).read_text()  # nothing had to be killed


def test_a_trial_that_does_not_listen_is_cancelled(cluster, monkeypatch):
    monkeypatch.setattr(controller, "GRACE", 0.3)
    sweep = planned({"seconds": 60, "deaf": True})
    made = controlled(sweep, jobs_of(sweep, "slurm"))

    def interrupt():
        if Path("runs/r0/done.txt").exists() and not made.signals:
            made.signals.append(signal.SIGINT)

    made._pause = lambda: (interrupt(), time.sleep(0.1))
    with pytest.raises(Interrupted):
        made.run()
    (state,) = cluster.glob("*.state")
    assert state.read_text() == "CANCELLED by 0" and not children_of("trial.py")


def test_jobs_that_slurm_refuses_are_one_line(cluster):
    (cluster / "refuse").touch()
    sweep = planned({}, {})
    with pytest.raises(ConfigError, match="SLURM refuses the job of r0: .*invalid partition"):
        controlled(sweep, jobs_of(sweep)).run()
    (cluster / "refuse").unlink()
    (cluster / "full").touch()
    launcher = jobs_of(sweep)
    launcher.submit(sweep.trials[:1])
    (cluster / "refuse").touch()
    with pytest.raises(RunFailed, match="1 others go on, and the same command finds them"):
        controlled(sweep, launcher).run()


@pytest.fixture
def typed(small):
    """The runs of a sweep that nobody has time to train."""
    return ["data=stripes", *small[1:], "seed=0,1"]


def test_detach_leaves_and_says_how_to_go_on(typed, config_dir, cluster, capsys):
    (cluster / "full").touch()
    full = ["pretrain", "-m", *typed, "--config-dir", config_dir]
    on_slurm = ["launcher=slurm", "launcher.partition=gpu"]
    assert cli.main([*full, *on_slurm, "--detach", "-j", "2"]) == 0
    said = capsys.readouterr().out
    assert "2 jobs submitted, 0 are there from earlier, 0 wait for other runs" in said
    (folder,) = Path("sweeps").iterdir()
    assert cli.main(["sweep", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"{folder}: 2 runs: 2 queued" in said and " ".join(on_slurm) in said
    assert cli.main(full) == 2  # would train here what is queued there
    assert "whose end is not known yet; type launcher=slurm, too" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["launcher=slrm"], "unknown launcher 'slrm': did you mean 'slurm'"),
        (["launcher.gpus=1"], "launcher.gpus=1 is a setting of jobs; type launcher=slurm, too"),
        (["launcher=slurm", "launcher.gpus=-1"], r"launcher.gpus=-1 \(int\): input should be"),
        (["launcher=slurm", "launcher.gpu=1"], "unknown key 'launcher.gpu': did you mean"),
        (["launcher=slurm", "launcher.minutes=1"], "notice_seconds=90 is not below the limit"),
        (["launcher=slurm", "sweep.minutes=5"], "type launcher.minutes=N for the time limit"),
        (["--detach"], "--detach leaves jobs behind, not processes; type launcher=slurm, too"),
        (["--detach", "launcher=slurm", "sweep=optuna"], "has to stay; leave --detach out"),
        (["--detach", "launcher=slurm", "launcher.cluster=debug"], "run in this process; leave"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(more, said, typed, config_dir, cluster):
    detach = "--detach" in more
    overrides = [*typed, *(text for text in more if text != "--detach")]
    with pytest.raises(ConfigError, match=said):
        command.run(overrides, config_dir, detach=detach)
    assert not Path("sweeps").exists()


def test_what_is_missing_is_one_line(typed, config_dir, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="there is no sbatch on the PATH; .*cluster=local"):
        command.run([*typed, "launcher=slurm"], config_dir)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"needs submitit; type pip install 'manyviews\[sweep\]'"):
        command.run([*typed, "launcher=slurm"], config_dir)
    assert not Path("sweeps").exists()
