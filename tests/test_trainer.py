import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import killer
import pytest
import torch
from same import logged
from torch import nn

from manyviews import build, checkpoints, config, hardware, runs, train
from manyviews.errors import ConfigError, RunFailed
from manyviews.method import Method
from manyviews.runs import status
from manyviews.trainer import compile_parts

PROGRAM = """
import torch
from manyviews.trainer import check_compiler
try:
    check_compiler("cpu")
except ValueError as error:
    print(error)
"""


def trainer(small, config_dir, *more):
    composed, _ = config.compose("pretrain", [*small, *more], config_dir)
    return build.trainer(composed, [])


def test_a_number_of_processes_below_one_is_refused_in_one_line(small, config_dir):
    with pytest.raises(ConfigError, match="trainer.devices=0; allowed here: 1 to"):
        trainer(small, config_dir, "trainer.devices=0")


def test_nodes_need_a_launcher(small, config_dir):
    with pytest.raises(ConfigError, match="trainer.nodes=2: more than one node needs torchrun"):
        trainer(small, config_dir, "trainer.nodes=2")


def test_a_launcher_s_processes_must_be_those_of_the_trainer(small, config_dir, monkeypatch):
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "1"}
    for name, value in {"WORLD_SIZE": "4", "RANK": "0", "LOCAL_RANK": "0", **address}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="4 processes were begun.*type trainer.devices=4"):
        trainer(small, config_dir, "trainer.devices=2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported_in_one_line(small, config_dir):
    with pytest.raises(ConfigError, match="trainer.accelerator=gpu: no GPU here; type cpu or auto"):
        trainer(small, config_dir, "trainer.accelerator=gpu")


@pytest.mark.slow
def test_parts_are_compiled_once_per_size_and_left_alone_without_gradient(monkeypatch):
    """When it is compiled, not to what: graphs are as many without a C++ compiler behind them."""
    from torch._dynamo.utils import counters

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    method = nn.Module()
    method.backbone = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    names, x = list(method.state_dict()), torch.randn(8, 4)
    expected = method.backbone(x)
    counters.clear()
    assert compile_parts(method) == ["backbone"]
    assert list(method.state_dict()) == names
    for _ in range(2):
        with torch.no_grad():
            method.backbone(x[:5])
        torch.testing.assert_close(method.backbone(x), expected)
        method.backbone(x[:6])
    assert counters["stats"]["unique_graphs"] == 2


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_told_in_one_line():
    environment = {"CXX": "no-such-compiler", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    (line,) = result.stdout.splitlines()
    assert line.startswith("trainer.compile=true: nothing can be compiled here (InvalidCxxCompiler")
    assert line.endswith("install g++ (and triton for a GPU), or type trainer.compile=false")


@pytest.mark.slow
def test_a_compiled_run_is_the_same_run_and_goes_on_when_killed(small, config_dir):
    """In processes of their own: executed shape annotations cannot be compiled.

    In float64: compiled sums are in another order, whose rounding grows over the steps, in float32
    to 2e-3 on some processors. From 1e-16 it comes to 4e-15, far below what a mistake would make.
    """
    small = [*small, "trainer.precision=64-true"]
    assert killer.pretrain([*small, "runs=plain"], config_dir) == 0
    compiled = [*small, "trainer.compile=true"]
    assert killer.pretrain(compiled, config_dir, ("step", 6)) == -9
    assert killer.pretrain(compiled, config_dir) == 0
    ours, theirs = (runs.load(next(Path(p).iterdir())) for p in ("runs", "plain"))
    assert ours.path.name == theirs.path.name
    said = [
        json.loads((run.path / "ledger.json").read_text())["compiled"] for run in (ours, theirs)
    ]
    assert said == ["once per size of crops", "no"]
    for mine, other in zip(logged(ours.path), logged(theirs.path), strict=True):
        assert mine == pytest.approx(other, rel=1e-9)
    states = [checkpoints.read(run.saved.path)["state_dict"] for run in (ours, theirs)]
    assert list(states[0]) == list(states[1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["trainer.devices=99"], r"trainer.devices=99; allowed here: 1 to \d+$"),
        (["trainer.devices=-1"], r"trainer.devices=-1; allowed here: 1 to \d+$"),
        (["trainer.nodes=0"], "trainer.nodes=0; allowed: 1 or more"),
        (["trainer.limit_train_batches=0"], "limit_train_batches=0; allowed: 1 or more, or null"),
        (["trainer.limit_train_batches=-1"], "limit_train_batches=-1; allowed: 1 or more, or null"),
        (["trainer.accumulate_grad_batches=0"], "accumulate_grad_batches=0; allowed: 1 or more$"),
        (["trainer.accumulate_grad_batches=-2"], "accumulate_grad_batches=-2; allowed: 1 or more$"),
        (["trainer.precision=16-mixed"], "precision=16-mixed needs a GPU; type .*bf16-mixed"),
        (["trainer.accelerator=mps"], "trainer.accelerator=mps: no GPU here; type cpu or auto"),
        (["trainer.accelerator=cuda"], "trainer.accelerator=cuda: no GPU here"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_what_this_machine_cannot_do_is_one_line(options, said, small, config_dir):
    with pytest.raises(ConfigError, match=said):
        trainer(small, config_dir, *options)


def test_bf16_on_a_processor_without_it_is_told(small, config_dir, monkeypatch, capsys):
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: False)
    options = ["epochs=1", "trainer.limit_train_batches=1", "trainer.precision=bf16-mixed"]
    train.pretrain([*small, *options], config_dir)
    said = capsys.readouterr().out
    assert "note: this processor has no bf16 instructions" in said


@pytest.mark.parametrize("code", [0, 3])
def test_an_exit_of_somebody_elses_code_is_no_ctrl_c(code, small, config_dir, monkeypatch):
    monkeypatch.setattr(Method, "total_loss", lambda self, output: sys.exit(code))
    with pytest.raises(RunFailed, match=rf"^sys\.exit\({code}\) was called, step 0 "):
        train.pretrain(small, config_dir)
    (run,) = Path("runs").iterdir()
    assert status.read(run).state == "failed"
