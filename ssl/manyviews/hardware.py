"""What this machine can do: devices, precisions, versions."""

from __future__ import annotations

import ctypes
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Given = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
Precision = Given | Literal["auto"]


def keep_freed_memory() -> None:
    """Let glibc keep what tensors free, for the next step's, instead of giving it to the kernel.

    Activations of some megabytes come back as pages to be cleared in every step otherwise: a tenth
    of the time of small models on a CPU. Other C libraries have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option in (-1, -3):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes
            mallopt(option, 2**30)


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
