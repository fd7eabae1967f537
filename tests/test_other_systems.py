"""What macOS and Windows lack is taken away here; the same real work has to go on without it."""

import ast
import errno
import io
import multiprocessing
import ntpath
import os
import select
import stat
import sys
from pathlib import Path, PureWindowsPath

import filelock
import pytest
import torch
from filelock import SoftFileLock
from pictures import write_folder

from manyviews import checkpoints, cli, hardware, runs, train
from manyviews.checkpoints import LAST, PREVIOUS
from manyviews.commands.doctor import examine
from manyviews.datamodules.images import files, index
from manyviews.errors import ConfigError, NotSaved

TWO_STEPS = ["epochs=1", "trainer.limit_train_batches=2", "callbacks.online_knn=null"]


@pytest.fixture
def without_affinity(monkeypatch):
    """As macOS and Windows: nobody knows which cores a process may use."""
    monkeypatch.delattr(os, "sched_getaffinity")


@pytest.fixture
def only_spawn(monkeypatch):
    """As Windows: processes cannot be forked."""
    get_context = multiprocessing.get_context

    def context(method=None):
        if method in ("fork", "forkserver"):
            raise ValueError(f"cannot find context for {method!r}")
        return get_context(method)

    monkeypatch.setattr(multiprocessing, "get_context", context)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert hardware.worker_context().get_start_method() == "spawn"


@pytest.fixture
def unflushed_folders(monkeypatch):
    """As Windows: a folder cannot be opened."""
    real = os.open

    def refuse(path, *arguments, **options):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.usefixtures("without_affinity")
def test_cores_are_counted_where_affinity_is_unknown(monkeypatch):
    assert files.cores() == min(os.cpu_count(), files.MOST_WORKERS)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert files.cores() == 1


@pytest.mark.parametrize("ranks", ["", "x", "0", "-2"])
def test_a_stale_number_of_ranks_does_not_stop_the_count_of_cores(ranks, monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setenv("WORLD_SIZE", ranks)
    assert files.cores() >= 1


@pytest.mark.usefixtures("without_affinity", "unflushed_folders")
def test_a_folder_of_images_trains_and_is_examined(small, config_dir):
    write_folder(Path("many"), count=64)
    data = ["data=folder", "data.path=many", "data.size=16", "data.workers=0"]
    run = train.pretrain([*small, *TWO_STEPS, *data], config_dir)
    assert run.trained and run.report.is_file()
    assert "many" in str(examine.examine(data[:2]))


@pytest.mark.slow
@pytest.mark.usefixtures("without_affinity", "only_spawn")
def test_workers_are_spawned_where_nothing_forks(small, config_dir):
    write_folder(Path("many"), count=64)
    data = ["data=folder", "data.path=many", "data.size=16", "data.workers=1"]
    assert train.pretrain([*small, *TWO_STEPS, *data], config_dir).trained


@pytest.mark.usefixtures("unflushed_folders")
def test_a_checkpoint_is_saved_where_folders_cannot_be_flushed():
    for step in (1, 2):
        checkpoints.write(Path(LAST), {"global_step": step, "epochs": 0, "state_dict": {}})
    assert checkpoints.newest(Path()).step == 2
    assert checkpoints.read(Path(PREVIOUS))["global_step"] == 1


@pytest.mark.parametrize(("number", "saved"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_may_refuse_to_flush_a_folder_but_a_broken_disk_is_told(
    number, saved, monkeypatch
):
    real = os.fsync

    def flush(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    content = {"global_step": 1, "epochs": 0, "state_dict": {"w": torch.zeros(1)}}
    if saved:
        checkpoints.write(Path(LAST), content)
    else:
        with pytest.raises(NotSaved, match="Input/output error"):
            checkpoints.write(Path(LAST), content)


def test_a_closed_pipe_ends_a_command_where_there_is_no_poll(monkeypatch, capsys):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.delattr(select, "poll")
    monkeypatch.setattr(sys, "stdout", Closed())
    assert cli.main(["list", "methods"]) == 1
    assert capsys.readouterr().err == ""


def test_memory_is_prepared_where_the_c_library_has_no_mallopt(monkeypatch):
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: object())
    hardware.keep_freed_memory()

    def refuse(name):
        raise TypeError("bad argument type for built-in operation")  # Windows, for None

    monkeypatch.setattr(hardware.ctypes, "CDLL", refuse)
    monkeypatch.setattr(os, "name", "nt")
    hardware.keep_freed_memory()


def test_a_processor_has_a_name_where_there_is_no_proc(monkeypatch):
    monkeypatch.setattr(hardware, "Path", lambda name: Path("nowhere"))
    monkeypatch.setattr(hardware.platform, "processor", lambda: "")
    assert hardware._processor() == os.uname().machine


def test_a_lock_without_fcntl_keeps_a_second_command_out(monkeypatch):
    monkeypatch.setattr(runs.run, "FileLock", SoftFileLock)  # what filelock takes without fcntl
    with runs.lock(Path("r")), pytest.raises(ConfigError, match="trained by another process"):
        with runs.lock(Path("r")):
            raise AssertionError
    with runs.lock(Path("r")):  # free again
        pass


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_a_file_system_without_locks_is_told_and_the_run_goes_on(error, monkeypatch, capsys):
    def refuse(self, **options):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with runs.lock(Path("r")):
        said = capsys.readouterr().out
    assert said.startswith("note: r cannot be locked (") and said.count("\n") == 1


def test_names_are_stored_with_slashes_on_windows(monkeypatch):
    monkeypatch.setattr(index, "PurePath", PureWindowsPath)
    monkeypatch.setattr(index.os.path, "relpath", ntpath.relpath)
    name = index.relative(Path("C:\\photos\\cats\\1.png"), "C:\\photos")
    assert name == "cats/1.png"
    monkeypatch.undo()
    assert index.relative(Path("a/b\\c.png"), Path("a")) == "b\\c.png"  # a name on Linux


def test_a_program_on_windows_ends_with_the_code_alone(monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *pair: killed.append(pair))
    monkeypatch.setattr(os, "name", "nt")
    cli._end_by_interrupt()
    assert killed == []


PACKAGE = Path(checkpoints.__file__).parent
SOURCES = [
    file
    for folder in (PACKAGE, PACKAGE / "datamodules", PACKAGE / "evaluation")  # two are links
    for file in folder.rglob("*.py")
]


def opens_text_in_the_system_s_encoding(call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    mode = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
    return (
        (name == "open" and (mode in ("r", "w", "a", "x") or not call.args))
        or (name == "read_text" and not call.args)
        or (name == "write_text" and len(call.args) < 2)
    )


def test_text_files_are_utf8_on_every_system():
    found = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and opens_text_in_the_system_s_encoding(node)
    ]
    assert len(SOURCES) > 50 and found == []
