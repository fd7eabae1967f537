"""What this machine can do, and the Lightning trainer that uses it."""

from __future__ import annotations

import logging
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger

from manyviews.errors import ConfigError

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Given = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
Precision = Given | Literal["auto"]


logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # our ledger says it better
# Lightning calls what the newest torch deprecates; a user can do nothing about it.
warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")


def trainer(
    accelerator: Accelerator,
    devices: int,
    precision: Precision,
    accumulate_grad_batches: int,
    limit_train_batches: int | None,
    log_every_n_steps: int,
    *,
    epochs: int,
    callbacks: list[pl.Callback],
    logger: list[Logger],
) -> pl.Trainer:
    """A Lightning trainer without its own progress bar, checkpoints and sampler.

    Args:
        accelerator: "auto" takes the GPU where there is one.
        devices: processes; this version trains on one.
        precision: "auto" is bf16-mixed where the processor has bf16 instructions.
        accumulate_grad_batches: batches per optimizer step.
        limit_train_batches: batches per epoch, null for all.
        log_every_n_steps: steps whose metrics are averaged into one record.
        epochs: length of the run.
        callbacks: in their order.
        logger: dashboards.

    Raises:
        ConfigError: a device or number of devices that is not there.
    """
    if devices != 1:
        raise ConfigError(f"trainer.devices={devices}: this version trains on 1 process")
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(f"trainer.accelerator={accelerator}: no GPU here; type cpu or auto")
    device = resolve_accelerator(accelerator)
    return pl.Trainer(
        accelerator=device,
        devices=1,
        precision=resolve_precision(device, precision),
        max_epochs=epochs,
        accumulate_grad_batches=accumulate_grad_batches,
        limit_train_batches=limit_train_batches,
        log_every_n_steps=log_every_n_steps,
        callbacks=callbacks,
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        use_distributed_sampler=False,
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
