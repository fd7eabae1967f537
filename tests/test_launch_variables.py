import json
import os
import socket
import sys
from pathlib import Path

import commands
import pytest
import pytorch_lightning as pl

from manyviews import launch_variables, process_group
from manyviews.errors import ConfigError, RankLost

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "3",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "4",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_NTASKS": "4",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}
STALE = [
    {"LOCAL_RANK": "0"},
    {"LOCAL_RANK": "1"},
    {"LOCAL_RANK": ""},
    {"LOCAL_RANK": "local"},
    {"LOCAL_RANK": "-1"},
    {"RANK": "1", "WORLD_SIZE": "2"},
    {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "h", "MASTER_PORT": "1"},
    {**TORCHRUN, "RANK": ""},
    {**TORCHRUN, "WORLD_SIZE": "four"},
    {**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"},
    {k: v for k, v in TORCHRUN.items() if k != "MASTER_PORT"},
    {"SLURM_NTASKS": "4"},
    {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"},
    {**SRUN, "SLURM_STEP_NUM_TASKS": "1"},
    {**SRUN, "SLURM_NTASKS": "1"},
    {"MANYVIEWS_RUN": "runs/of-another-program"},
    {"MANYVIEWS_RUN": "runs/x", "LOCAL_RANK": "0"},
]


@pytest.fixture
def given(monkeypatch):
    """Sets variables in place of those of the tests' own launcher."""

    def give(variables):
        for name in (*launch_variables.READ, launch_variables.FOLDER, *SRUN):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return give


@pytest.mark.parametrize(
    "variables", STALE, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items())
)
def test_stale_variables_make_no_process_one_of_several(variables, given):
    given(variables)
    assert launch_variables.started_by() is None and launch_variables.rank() == 0
    with launch_variables.ours_alone():
        pl.Trainer(accelerator="cpu", devices=1, logger=False, barebones=True)
        os.environ["LOCAL_RANK"] = "0"  # as Lightning sets it for the ranks that it starts
    assert os.environ.get("LOCAL_RANK") == variables.get("LOCAL_RANK")
    assert {name: os.environ[name] for name in variables} == variables


@pytest.mark.parametrize(
    ("variables", "starter"),
    [
        (TORCHRUN, "torchrun"),
        (SRUN, "srun"),
        ({k: v for k, v in SRUN.items() if k != "SLURM_STEP_NUM_TASKS"}, "srun"),
        ({"MANYVIEWS_RUN": "runs/x", "LOCAL_RANK": "3"}, "rank 0"),
    ],
    ids=["torchrun", "srun", "older srun", "rank 0"],
)
def test_the_whole_set_of_a_launcher_counts(variables, starter, given):
    given(variables)
    assert launch_variables.started_by() == starter and launch_variables.rank() == 3
    with launch_variables.ours_alone(told=True):
        assert os.environ["LOCAL_RANK" if starter != "srun" else "SLURM_LOCALID"] in ("1", "3")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"LOCAL_RANK": "0"}, ""),
        ({"LOCAL_RANK": ""}, ""),
        ({"WORLD_SIZE": "1", "RANK": "0"}, ""),
        ({"SLURM_NTASKS": "1"}, ""),
        ({"LOCAL_RANK": "1"}, "LOCAL_RANK=1"),
        ({"LOCAL_RANK": "x"}, "LOCAL_RANK=x"),
        ({"RANK": "1", "WORLD_SIZE": "2"}, "RANK=1, WORLD_SIZE=2"),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, "SLURM_NTASKS=4"),
    ],
)
def test_variables_that_promise_several_processes_are_named_in_one_line(
    variables, named, given, capsys
):
    given(variables)
    with launch_variables.ours_alone(told=True):
        said = capsys.readouterr().err
    assert said.count("\n") == bool(named)
    assert said.startswith(f"note: {named} ignored: neither torchrun nor srun" if named else "")


def test_tasks_without_their_number_per_node_are_one_line(given):
    given({k: v for k, v in SRUN.items() if k != "SLURM_NTASKS_PER_NODE"})
    with pytest.raises(ConfigError, match="--ntasks=4 alone; type --ntasks-per-node=N"):
        process_group.launcher()


def test_a_rank_whose_rank_0_began_no_run_says_where_the_reason_is(given, monkeypatch):
    given(TORCHRUN)
    monkeypatch.setattr(process_group, "_broadcast", lambda message: None)
    with pytest.raises(ConfigError, match="rank 3 ends because rank 0 began no run; the message"):
        process_group.hear()


def test_a_port_that_is_taken_is_one_line(given):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given({**TORCHRUN, "RANK": "0", "MASTER_PORT": str(taken.getsockname()[1])})
        with pytest.raises(ConfigError, match=r"rank 0 cannot listen at port MASTER_PORT=\d+ of"):
            process_group.join()


def test_a_rank_0_that_died_before_the_run_began_is_one_line(given, monkeypatch):
    def gone(*arguments, **options):
        raise RuntimeError("[../third_party/gloo/pair.cc:446] Connection closed by peer")

    given(TORCHRUN)
    monkeypatch.setattr(process_group, "join", lambda: None)
    monkeypatch.setattr(process_group.dist, "broadcast_object_list", gone)
    with pytest.raises(RankLost, match="another process of this run died before the run began"):
        process_group.hear()


@pytest.mark.slow
def test_two_processes_start_where_a_container_left_a_rank_and_a_port_that_is_taken(
    small, config_dir
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, errors = commands.run(
            *("pretrain", *commands.replaced(small, "epochs=1", "trainer.devices=2")),
            *("--config-dir", config_dir),
            LOCAL_RANK="0",
            MASTER_PORT=port,
        )
    assert (code, errors) == (0, "")
    ledger = next(Path("runs").iterdir()) / "ledger.json"
    assert json.loads(ledger.read_text())["processes"] == 2


@pytest.mark.slow
def test_a_run_begins_whatever_a_container_left_in_the_environment(small, config_dir):
    code, _, errors = commands.run(
        *("pretrain", *commands.replaced(small, "epochs=1"), "--config-dir", config_dir),
        LOCAL_RANK="",
        RANK="none",
        SLURM_NTASKS="4",
    )
    assert code == 0
    (note,) = errors.splitlines()
    assert note.startswith("note: RANK=none, SLURM_NTASKS=4 ignored: neither torchrun nor srun")


@pytest.mark.slow
def test_torchrun_s_other_ranks_say_that_the_reason_is_with_rank_0():
    launcher = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run"]
    launcher += ["--standalone", "--nproc-per-node=2", "-m", "manyviews"]
    code, _, errors = commands.run(
        "pretrain",
        "method=swaw",
        "trainer.devices=2",
        program=launcher,
        TORCH_CPP_LOG_LEVEL="ERROR",
    )
    ours = sorted(line for line in errors.splitlines() if line.startswith("manyviews:"))
    assert code and len(ours) in (1, 2)  # torchrun ends rank 1 as soon as rank 0 has ended
    assert "did you mean 'swav'" in ours[-1]
    assert all("rank 1 ends because rank 0 began no run" in line for line in ours[:-1])
