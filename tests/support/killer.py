"""Real `manyviews` processes that die by SIGKILL at a chosen moment."""

import os
import signal

import unscored
from forked import context


def pretrain(overrides, config_dir, kill=None):
    """Exit code of the command in a process of its own; -9 where it was killed.

    `kill` is ("step", n): after optimizer step n; ("write", n): in the middle of the n-th
    checkpoint that this process writes; ("rename", n): between the two renames of the n-th;
    ("time", s): s seconds after the process began, wherever it is.
    """
    return _run("pretrain", overrides, config_dir, kill)


def evaluate(overrides, config_dir, kill=None):
    """The same of `manyviews evaluate`; what it trains is saved every three steps and stays."""
    return _run("evaluate", overrides, config_dir, kill)


def _run(command, overrides, config_dir, kill):
    arguments = os.getcwd(), command, overrides, config_dir, kill
    process = context.Process(target=_command, args=arguments)
    process.start()
    process.join(kill[1] if kill and kill[0] == "time" else 120)
    process.kill()
    process.join()
    return process.exitcode


def _command(folder, command, overrides, config_dir, kill):
    import sys
    import warnings

    import torch

    from manyviews import cli, train
    from manyviews.scoring import fits

    fits.EVERY, fits.remove = 3, lambda *_: None
    if command == "pretrain":
        train.scoring.make = unscored.make
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.chdir(folder)
    # A cache that other processes share may hold the half-written kernel of one that was killed.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(folder, "kernels")
    if kill and kill[0] != "time":
        {"step": _at_step, "write": _in_write, "rename": _between_renames}[kill[0]](kill[1])
    last = {text.partition("=")[0]: text for text in overrides}  # a key is typed once
    sys.exit(cli.main([command, "--config-dir", config_dir, *last.values()]))


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _at_step(number):
    from manyviews.callbacks.checkpoint import Checkpoint

    after = Checkpoint.on_train_batch_end

    def watched(self, trainer, *arguments):
        after(self, trainer, *arguments)
        if trainer.global_step == number:
            _die()

    Checkpoint.on_train_batch_end = watched


def _in_write(number):
    from manyviews import checkpoints

    begin, write = checkpoints._Hashing.__init__, checkpoints._Hashing.write
    count = {"files": 0, "bytes": 0}

    def begun(self, path):
        begin(self, path)
        count["files"] += 1

    def torn(self, content):
        count["bytes"] += len(content)
        if count["files"] == number and count["bytes"] > 100_000:
            self.flush()
            _die()
        return write(self, content)

    checkpoints._Hashing.__init__, checkpoints._Hashing.write = begun, torn


def _between_renames(number):
    from pathlib import Path

    replace, count = Path.replace, {"renames": 0}

    def watched(self, target):
        if self.name == "last.tmp":
            count["renames"] += 1
            if count["renames"] == number:
                _die()
        return replace(self, target)

    Path.replace = watched
