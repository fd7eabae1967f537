"""The processes of a run: who launched them, and how they agree on the run folder.

There are three ways to W ranks: this program launches them (with `trainer.devices=W` Lightning
starts the same command again for each other rank), or `torchrun` or SLURM launched them all. In
each case rank 0 alone reads the command line and makes the folder; the other ranks are told its
path and read its config.yaml.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

FOLDER = "MANYVIEWS_RUN"  # environment variable: the run folder, for ranks that rank 0 launches


def launcher() -> ClusterEnvironment | None:
    """Return `torchrun` or SLURM if it launched this process as one of several, else None."""
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect():
            # Lightning would requeue a SLURM job by itself when it is told to stop.
            found = SLURMEnvironment(auto_requeue=False) if kind is SLURMEnvironment else kind()
            return found if found.world_size() > 1 else None
    return None


def launched_rank() -> int:
    """Return the number of this rank; it is known before there is a process group."""
    outer = launcher()
    return outer.global_rank() if outer else int(os.environ.get("LOCAL_RANK", "0"))


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
        SystemExit: rank 0 has none and says why; exit code 2.
    """
    folder = _broadcast([None]) if launcher() else os.environ.get(FOLDER)
    if folder is None:
        raise SystemExit(2)
    return Path(folder)


def _broadcast(message: list[Any]) -> Any:
    join()
    dist.broadcast_object_list(message, src=0, device=torch.device("cpu"))
    return message[0]


def join() -> None:
    """Start the process group of a launcher's ranks, earlier than Lightning would."""
    outer = launcher()
    if outer is None or dist.is_initialized():
        return
    os.environ.setdefault("MASTER_ADDR", outer.main_address)
    os.environ.setdefault("MASTER_PORT", str(outer.main_port))
    dist.init_process_group(backend(), rank=outer.global_rank(), world_size=outer.world_size())


def backend() -> str:
    """Return the backends of the process group: gloo for CPU tensors, NCCL for GPU tensors."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"


def leave() -> None:
    """End the process group: everything after the training happens on rank 0 alone."""
    if dist.is_initialized():
        dist.destroy_process_group()
