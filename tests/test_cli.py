import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from manyviews import runs, train
from manyviews.cli import main
from manyviews.commands import costs


def cli(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "manyviews", *arguments],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONWARNINGS": "ignore",
            **environment,
        },
        timeout=100,
    )


def test_command_line_says_a_mistake_in_one_line_with_exit_code_2():
    result = cli("pretrain", "method=swaw")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and "did you mean 'swav'" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp, which says how long it spins")
@pytest.mark.parametrize("chosen", [None, "ACTIVE"])
def test_idle_threads_of_the_command_sleep_unless_the_user_chose(chosen, monkeypatch):
    """OpenMP itself says, when torch is imported, how often a waiting thread looks."""
    monkeypatch.delenv("OMP_WAIT_POLICY")
    given = {"OMP_WAIT_POLICY": chosen} if chosen else {}
    result = cli("list", "backbones", "resnet_tiny", OMP_DISPLAY_ENV="verbose", **given)
    assert result.stdout == "resnet_tiny\n"
    looks = int(re.search(r"GOMP_SPINCOUNT = '(\d+)'", result.stderr)[1])
    assert looks > 1_000_000 if chosen else looks == 0


def test_a_program_that_imports_manyviews_keeps_its_environment():
    read = "import os; before = dict(os.environ)"
    used = "from manyviews import cli, losses; cli.main(['list', 'methods'])"
    command = f"{read}; {used}; assert dict(os.environ) == before, os.environ"
    subprocess.run([sys.executable, "-c", command], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_leaves_early_ends_it_without_a_word(buffered):
    command = [sys.executable, "-m", "manyviews", "list", "methods"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["PYTHONUNBUFFERED"] = buffered
    with subprocess.Popen(command, text=True, env=environment, **streams) as begun:
        begun.stdout.close()  # before anything is printed
        assert begun.stderr.read() == ""
    assert begun.returncode == 1


def test_command_line_shows_where_an_error_came_from_on_request(capsys):
    assert main(["pretrain", "method=swaw", "--trace"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "pretrain"),
        (["pretrain", "--help"], "example: manyviews pretrain"),
        (["evaluate", "--help"], "example: manyviews evaluate"),
        (["doctor", "--help"], "example: manyviews doctor"),
        (["list", "methods"], "barlow_twins"),
        (["list", "backbones"], "resnet_tiny"),
        (["list", "backbones", "timm/convnext_*"], "timm/convnext_atto"),
        (["costs", "resnet_t*", "--size", "28", "--channels", "1"], "resnet_tiny"),
        (["views", "experiment=demo", "sample=3"], "views.png"),
        (["list", "data"], "fashion_mnist_mini"),
        (["list", "experiments"], "demo"),
        (["list", "protocols"], "linear_lbfgs"),
        (["config", "show", "method=barlow_twins"], "redundancy_weight: 0.0051"),
        (["where", "experiment=demo"], "runs/swav-fashion_mnist_mini-resnet_slim-"),
    ],
)
def test_command_line_answers(arguments, said, capsys, monkeypatch):
    """In this process: what a new one is for is told by the tests above and below."""
    monkeypatch.setattr(costs, "SECONDS", 0.0)
    try:
        code = main(arguments)
    except SystemExit as end:  # of --help
        code = end.code
    assert code == 0
    assert said in capsys.readouterr().out


def test_help_and_list_import_nothing_heavy():
    code = (
        "import sys; from manyviews.cli import main; main(['list', 'methods']);"
        "assert not {'torch', 'hydra', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# What each answer may import; a mistake in a name needs nothing that takes seconds to load.
TORCH = {"torch", "jaxtyping", "PIL"}
HEAVY = TORCH | {
    *("torchvision", "pytorch_lightning", "lightning_fabric", "torchmetrics", "torch._dynamo"),
    *("scipy", "sklearn", "faiss", "timm", "matplotlib", "wandb", "pandas"),
}


@pytest.mark.parametrize(
    ("command", "imported"),
    [
        (["pretrain", "method=swaw"], set()),
        (["pretrain", "data=series", "epocs=3"], set()),
        (["pretrain", "method.prototype=3"], set()),
        (["evaluate", "run=R", "evaluaton=[knn]"], set()),
        (["pretrain", "epochs=many"], set()),
        (["pretrain", "method=rebar", "data=watch", "method.temperature=hot"], TORCH),
        (["pretrain", "backbone.freeze=x"], TORCH),
        (["evaluate", "run=R", "evaluation.knn.headline=x"], TORCH),
        (["doctor", "data=folder", "data.path=x", "data.size=many"], TORCH),
        (["evaluate", "run=NOWHERE"], TORCH),
        (["config", "show", "callbacks.collapse.every_n_steps=x"], TORCH),
    ],
)
def test_a_mistake_is_told_before_anything_heavy_is_imported(command, imported):
    code = (
        f"import sys; from manyviews.cli import main; code = main({command!r});"
        f"print(code, *sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    code, *found = done.stdout.split()
    assert (code, done.stderr.count("\n")) == ("2", 1), done.stderr
    assert {*found} <= imported


@pytest.mark.parametrize("name", ["runs", "checkpoints", "backbones.registry"])
def test_run_folders_checkpoints_and_backbones_need_no_lightning(name):
    code = (
        f"import sys, manyviews.{name};"
        "assert not {'lightning_fabric', 'pytorch_lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_a_whole_run_from_the_command_line_with_wandb_offline(small, config_dir):
    overrides = [o for o in small if o != "logger.wandb=null"]
    result = cli("pretrain", *overrides, "--config-dir", config_dir, WANDB_API_KEY="", CI="")
    assert result.returncode == 0, result.stderr
    assert "epoch 2/2" in result.stdout and "images/s" in result.stdout
    run = runs.load(next(Path("runs").iterdir()))
    (written,) = (run.path / "wandb").glob("offline-run-*/*.wandb")
    content = written.read_bytes()
    for key in (b"train/loss", b"eval/knn@1+0eb8/top1", b"views/view_0", b"eval/table"):
        assert key in content
    assert "accuracy (95 % interval)" in result.stdout
    assert f"report: {run.path}/report/index.html" in result.stdout


def test_a_disk_that_refuses_is_one_line(monkeypatch, capsys):
    def refuse(overrides, config_dir):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "runs/x/metrics.jsonl")

    monkeypatch.setattr(train, "pretrain", refuse)
    assert main(["pretrain"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("manyviews: runs/x/metrics.jsonl: Read-only file system; what was saved")


@pytest.mark.parametrize("kind", ["methods", "backbones", "data", "views", "protocols"])
def test_a_list_describes_every_name_in_whole_sentences(kind, capsys):
    assert main(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines and [line for line in lines if not line.endswith(".")] == []
