"""Who began this process, and how ranks agree on the run folder.

Three ways lead to W ranks: this program launches them (`trainer.devices=W`: the other ranks are the
same command again), or `torchrun` or SLURM began them all. In each, rank 0 alone reads the command
line and makes the folder; the others are told where it lies and read its config.yaml.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

FOLDER = "MANYVIEWS_RUN"  # where rank 0 tells the ranks it launches which folder it made


def launcher() -> ClusterEnvironment | None:
    """`torchrun` or SLURM, where one of them began this process as one of several."""
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect():
            found = SLURMEnvironment(auto_requeue=False) if kind is SLURMEnvironment else kind()
            return found if found.world_size() > 1 else None
    return None


def launched_rank() -> int:
    """Number of this rank, known before any process group is."""
    outer = launcher()
    return outer.global_rank() if outer else int(os.environ.get("LOCAL_RANK", "0"))


def tell(folder: str | None) -> None:
    """Rank 0: say which run folder it is, or None where there is none for a mistake."""
    if launcher():
        _agree([folder])
    elif folder:
        os.environ[FOLDER] = folder


def hear() -> str | None:
    """The other ranks: the folder that rank 0 told."""
    return _agree([None]) if launcher() else os.environ.get(FOLDER)


def _agree(message: list[Any]) -> Any:
    join()
    dist.broadcast_object_list(message, src=0, device=torch.device("cpu"))
    return message[0]


def join() -> None:
    """Begin the process group of a launcher's ranks, before Lightning would."""
    outer = launcher()
    if outer is None or dist.is_initialized():
        return
    os.environ.setdefault("MASTER_ADDR", outer.main_address)
    os.environ.setdefault("MASTER_PORT", str(outer.main_port))
    dist.init_process_group(backend(), rank=outer.global_rank(), world_size=outer.world_size())


def backend() -> str:
    """Of the process group: gloo carries CPU tensors, NCCL those on GPUs."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"


def leave() -> None:
    """End the process group: what follows the training is rank 0's alone."""
    if dist.is_initialized():
        dist.destroy_process_group()
