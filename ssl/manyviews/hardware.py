"""The hardware and software of this machine: devices, precisions, versions."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Literal

from manyviews.errors import ConfigError, RunFailed

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps"]
Given = Literal["32-true", "64-true", "bf16-mixed", "16-mixed"]
Precision = Given | Literal["auto"]
# What torch's allocators and CUDA's libraries say when there is no more memory.
REFUSED = "DefaultCPUAllocator|not enough memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED"


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of returning it to the kernel.

    Otherwise the kernel clears the pages of every activation of some megabytes anew in each step,
    which takes a tenth of the time of small models on a CPU. Other C libraries have no such option.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option in (-1, -3):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes
            mallopt(option, 2**30)


def usable_cores() -> int:
    """Return how many cores this process may use; macOS and Windows only know them all."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def worker_context() -> BaseContext:
    """Return how worker processes are begun: forked from a fresh process, on Windows spawned.

    A forked copy of this process could inherit locks that another of its threads holds.
    """
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if forks else "spawn")


def resolve_accelerator(accelerator: Accelerator) -> str:
    """Return the accelerator for Lightning; "auto" is the GPU if there is one, else the CPU."""
    import torch

    if accelerator != "auto":
        return "gpu" if accelerator == "cuda" else accelerator
    return "gpu" if torch.cuda.is_available() else "cpu"


def resolve_precision(accelerator: str, precision: Precision) -> Given:
    """Return the precision for Lightning; "auto" is bf16-mixed if the device is fast at it."""
    import torch

    if precision != "auto":
        return precision
    if accelerator == "gpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if accelerator == "cpu" and cpu_has_bf16() else "32-true"


def check_precision(accelerator: str, precision: Precision) -> None:
    """Raise if a device has no such numbers; Lightning would take others in their place.

    Raises:
        ConfigError: says which precision to type instead.
    """
    if precision == "16-mixed" and accelerator == "cpu":
        raise ConfigError(
            "trainer.precision=16-mixed needs a GPU; type trainer.precision=bf16-mixed, 32-true or "
            "auto"
        )
    if precision == "64-true" and accelerator == "mps":
        raise ConfigError("trainer.precision=64-true: mps has no float64; type 32-true")


def emulation(accelerator: str, precision: str) -> str:
    """Return a note if this machine has no instructions for a precision; empty if it has."""
    import torch

    if precision != "bf16-mixed":
        return ""
    gpu = accelerator == "gpu"
    native = torch.cuda.is_bf16_supported(including_emulation=False) if gpu else cpu_has_bf16()
    if native or accelerator == "mps":
        return ""
    return (
        f"this {'GPU' if gpu else 'processor'} has no bf16 instructions, so bf16-mixed is computed "
        "the long way; trainer.precision=32-true is faster"
    )


def cpu_has_bf16() -> bool:
    """Return True if the CPU has instructions for bf16 matrix products (AVX512-BF16 or AMX)."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def memory_error(error: BaseException) -> RunFailed | None:
    """Return an error that says what to lower, if memory was refused; None for other errors.

    Args:
        error: of torch's allocators for CPU and GPU, which raise plain RuntimeErrors, or numpy's.
    """
    import torch

    text = str(error)
    refused = isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and re.search(REFUSED, text)
    )
    if not refused:
        return None
    asked = re.search(r"allocate ([\d.]+) (bytes|[KMGTP]iB)", text)
    said = ""
    if asked:
        bytes_too = asked[2] == "bytes"
        size = f"{float(asked[1]) / 2**30:,.1f} GiB" if bytes_too else f"{asked[1]} {asked[2]}"
        said = f": {size} more were asked for"
    return RunFailed(
        f"not enough memory{said}; lower batch_size, raise trainer.accumulate_grad_batches, or "
        "choose smaller views or a smaller network"
    )


@contextmanager
def memory_told() -> Iterator[None]:
    """Turn a refusal of memory into an error of one line.

    Raises:
        RunFailed: says how much was asked for and what to lower.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if (told := memory_error(error)) is None:
            raise
        raise told from error


def environment() -> dict[str, str | int]:
    """Return the versions and the hardware that a bit-exact repetition of a run needs."""
    import torch

    packages = ("torchvision", "pytorch-lightning", "hydra-core", "faiss-cpu", "wandb")
    return {
        "manyviews": version("manyviews"),
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,  # with the build, for example 2.9.0+cpu
        **{name: version(name) for name in packages},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _commit() -> str:
    """Return the commit of this code in its git checkout, with "+changes" if files differ from it.

    It is empty if the package is installed without its repository, or git is not there.
    """
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if not git("ls-files", Path(__file__).name):  # the repository of something else
            return ""
        changed = git("status", "--porcelain", "--", ":/*.py", ":/*.yaml")
        return git("rev-parse", "--short", "HEAD") + "+changes" * bool(changed)
    except OSError:
        return ""


def _processor() -> str:
    """Return the name of the processor; Python's own function often returns nothing on Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
