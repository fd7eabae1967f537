"""What this machine can do, and the Lightning trainer that uses it."""

from __future__ import annotations

import ctypes
import inspect
import logging
import os
import platform
import warnings
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import DDPStrategy
from torch.nn.parallel import DistributedDataParallel

from manyviews import launch
from manyviews.checkpoints import CheckpointFiles
from manyviews.compilation import check_compiler
from manyviews.errors import ConfigError

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Given = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
Precision = Given | Literal["auto"]


for name in ("pytorch_lightning", "lightning_fabric", "lightning.fabric", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.WARNING)  # our ledger says it better
# Lightning calls what the newest torch deprecates; a user can do nothing about it.
warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
# Frozen parts are, by intent; the ledger says how many parameters train.
warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")


class Unprofiled(PassThroughProfiler):
    """No profiler, entered and left some sixty times a step without making a generator."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Nothing to do."""
        return _NOTHING


_NOTHING = nullcontext()


def trainer(
    accelerator: Accelerator,
    devices: int | Literal["auto"],
    nodes: int,
    precision: Precision,
    accumulate_grad_batches: int,
    limit_train_batches: int | None,
    log_every_n_steps: int,
    compile: bool = False,  # noqa: A002
    *,
    epochs: int,
    callbacks: list[pl.Callback],
    logger: list[Logger],
) -> pl.Trainer:
    """A Lightning trainer without its own progress bar, checkpoints and sampler.

    Args:
        accelerator: "auto" takes the GPU where there is one.
        devices: processes per node, each with a device; "auto" is every GPU, or one CPU process.
        nodes: machines.
        precision: "auto" is bf16-mixed where the processor has bf16 instructions.
        accumulate_grad_batches: batches per optimizer step.
        limit_train_batches: optimizer steps per epoch, null for all.
        log_every_n_steps: steps whose metrics are averaged into one record; for callbacks.Metrics.
        compile: backbone and heads by torch.compile while they train; done by train.fit.
        epochs: length of the run.
        callbacks: in their order.
        logger: dashboards.

    Raises:
        ConfigError: a device or number of devices that is not there, or no compiler.
    """
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(f"trainer.accelerator={accelerator}: no GPU here; type cpu or auto")
    device = resolve_accelerator(accelerator)
    if device == "cpu":
        keep_freed_memory()
    world = resolve_devices(device, devices) * nodes
    if compile:
        check_compiler("cuda" if device == "gpu" else device)
    return pl.Trainer(
        accelerator=device,
        devices=world // nodes,
        num_nodes=nodes,
        strategy=_strategy(world, nodes),
        precision=resolve_precision(device, precision),
        max_epochs=epochs,
        accumulate_grad_batches=accumulate_grad_batches,
        limit_train_batches=limit_train_batches and limit_train_batches * accumulate_grad_batches,
        log_every_n_steps=1,  # Lightning's own logging is not used; callbacks.Metrics writes
        callbacks=callbacks,
        logger=logger,
        plugins=[CheckpointFiles()],
        profiler=Unprofiled(),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        use_distributed_sampler=False,
    )


def keep_freed_memory() -> None:
    """Let glibc keep what tensors free, for the next step's, instead of giving it to the kernel.

    Activations of some megabytes come back as pages to be cleared in every step otherwise: a tenth
    of the time of small models on a CPU. Other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option in (-1, -3):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes
            mallopt(option, 2**30)


def resolve_devices(accelerator: str, devices: int | Literal["auto"]) -> int:
    """Processes per node.

    Raises:
        ConfigError: fewer than one, or more than there are GPUs.
    """
    gpus = torch.cuda.device_count() if accelerator == "gpu" else 0
    if devices == "auto":
        return max(gpus, 1)
    if devices < 1 or (gpus and devices > gpus):
        allowed = f"1 to {gpus}" if gpus else "1 or more"
        raise ConfigError(f"trainer.devices={devices}; allowed here: {allowed}")
    return devices


def _strategy(world: int, nodes: int) -> DDPStrategy | str:
    outer = launch.launcher()
    begun = outer.world_size() if outer else world
    if begun != world:
        raise ConfigError(
            f"{begun} processes were begun, but trainer.devices={world // nodes} and "
            f"trainer.nodes={nodes} make {world}; type trainer.devices={begun // nodes}"
        )
    if outer is None and nodes > 1:
        raise ConfigError(f"trainer.nodes={nodes}: more than one node needs torchrun or SLURM")
    if world == 1:
        return "auto"
    # Buffers are equal on all ranks by construction; broadcasting them would hide it if not.
    renamed = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
    no_broadcast: dict[str, Any] = {
        "forward_sync_buffers" if renamed else "broadcast_buffers": False
    }
    return DDPStrategy(
        process_group_backend=launch.backend(), cluster_environment=outer, **no_broadcast
    )


def resolve_accelerator(accelerator: Accelerator) -> str:
    """What "auto" means on this machine."""
    if accelerator != "auto":
        return "gpu" if accelerator == "cuda" else accelerator
    return "gpu" if torch.cuda.is_available() else "cpu"


def resolve_precision(accelerator: str, precision: Precision) -> Given:
    """What "auto" means on this device."""
    if precision != "auto":
        return precision
    if accelerator == "gpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if accelerator == "cpu" and cpu_has_bf16() else "32-true"


def cpu_has_bf16() -> bool:
    """Whether matrix products in bf16 have instructions of their own (AVX512-BF16, AMX)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def environment() -> dict[str, str | int]:
    """Versions and hardware that a bit-exact repetition needs."""
    packages = ("torchvision", "pytorch-lightning", "hydra-core", "faiss-cpu", "wandb")
    return {
        "manyviews": version("manyviews"),
        "python": platform.python_version(),
        "torch": torch.__version__,  # with its build, as +cpu or +cu132
        **{name: version(name) for name in packages},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
