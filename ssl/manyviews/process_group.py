"""The processes of a run: how they agree on the run folder, and how they part.

There are three ways to W ranks: this program starts them (with `trainer.devices=W` Lightning
starts the same command again for each other rank), or `torchrun` or SLURM's `srun` started them
all. In each case rank 0 alone reads the command line and makes the folder; the other ranks are told
its path and read its config.yaml.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.distributed import DistError

from manyviews import launch_variables
from manyviews.errors import ConfigError, RankLost
from manyviews.launch_variables import FOLDER

PATIENCE = 30.0  # seconds for which rank 0 waits for the end of the ranks that it started


def launcher() -> ClusterEnvironment | None:
    """Return `torchrun` or SLURM if it started this process as one of several, else None.

    Raises:
        ConfigError: SLURM's variables contradict each other.
    """
    starter = launch_variables.started_by()
    if starter == "srun":
        try:
            # Lightning would requeue a SLURM job by itself when it is told to stop.
            return SLURMEnvironment(auto_requeue=False)
        except RuntimeError as error:
            tasks = os.environ["SLURM_NTASKS"]
            raise ConfigError(
                f"srun was told --ntasks={tasks} alone; type --ntasks-per-node=N, the processes of "
                "each node, in its place"
            ) from error
    return TorchElasticEnvironment() if starter == "torchrun" else None


def environment() -> ClusterEnvironment:
    """Return what Lightning asks for rank, address and port."""
    return launcher() or LightningEnvironment()


@contextmanager
def leading() -> Iterator[Callable[[Path], None]]:
    """Yield a function with which rank 0 tells the other ranks the run folder.

    If rank 0 leaves without having told a folder, the others are told that there is none, so that
    they end instead of waiting.
    """
    told = False

    def tell(folder: Path) -> None:
        nonlocal told
        told = True
        _tell(str(folder.absolute()))

    try:
        yield tell
    finally:
        if not told:
            _tell(None)


def _tell(folder: str | None) -> None:
    if launcher():
        _broadcast([folder])
    elif folder:
        os.environ[FOLDER] = folder


def hear() -> Path:
    """Return the run folder that rank 0 told the other ranks.

    Raises:
        ConfigError: rank 0 has none and says why.
        RankLost: rank 0 died before it told one.
    """
    folder = _broadcast([None]) if launcher() else os.environ.get(FOLDER)
    if folder is None:
        raise ConfigError(
            f"rank {launch_variables.rank()} ends because rank 0 began no run; the message of "
            "rank 0 says why"
        )
    return Path(folder)


def _broadcast(message: list[Any]) -> Any:
    join()
    try:
        dist.broadcast_object_list(message, src=0, device=torch.device("cpu"))
    except RuntimeError as error:
        if not is_lost(error):
            raise
        raise RankLost("another process of this run died before the run began") from error
    return message[0]


def join() -> None:
    """Start the process group of a launcher's ranks, earlier than Lightning would.

    Raises:
        ConfigError: rank 0 cannot listen at the launcher's port.
        RankLost: rank 0 cannot be reached there.
    """
    outer = launcher()
    if outer is None or dist.is_initialized():
        return
    os.environ.setdefault("MASTER_ADDR", outer.main_address)
    os.environ.setdefault("MASTER_PORT", str(outer.main_port))
    try:
        dist.init_process_group(backend(), rank=outer.global_rank(), world_size=outer.world_size())
    except DistError as error:
        port = f"port MASTER_PORT={os.environ['MASTER_PORT']} of {os.environ['MASTER_ADDR']}"
        if outer.global_rank():
            raise RankLost(f"rank {outer.global_rank()} cannot reach rank 0 at {port}") from error
        reason = str(error).splitlines()[0]
        raise ConfigError(f"rank 0 cannot listen at {port} ({reason}); set another") from error


def backend() -> str:
    """Return the backends of the process group: gloo for CPU tensors, NCCL for GPU tensors."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"


def is_lost(error: BaseException) -> bool:
    """Return True if an error means that another process of the group is gone."""
    gloo = type(error) is RuntimeError and "gloo" in str(error)  # gloo raises plain RuntimeErrors
    return gloo or isinstance(error, DistError)


def leave() -> None:
    """End the process group: everything after the training happens on rank 0 alone."""
    if dist.is_initialized():
        dist.destroy_process_group()


def leave_together() -> None:
    """Let a launcher's ranks wait for each other, then end the process group; all have to call it.

    A launcher ends all ranks as soon as one ends with an exit code that is not 0, and rank 0 still
    has to close its dashboards when the others are done.
    """
    if launcher() and dist.is_initialized():
        with suppress(RuntimeError):  # another one was ended already
            dist.all_reduce(torch.zeros(1))
    leave()


def await_started(processes: list[subprocess.Popen[Any]]) -> None:
    """Wait for the end of the ranks that this one started; end those that hang.

    Args:
        processes: Lightning's own list. It is emptied, because a thread of Lightning watches it and
            kills this program seconds after one of them ended with an error.
    """
    if not processes:
        return
    started = [*processes]
    processes.clear()
    leave()
    for process in started:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
