"""Count bytes, operations and waits for the device of a call; none depends on the load."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

# At these operations the host waits for a number or a shape from a GPU.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default")
VIEWS = ("view", "detach", "slice", "select", "expand", "transpose", "permute", "unbind", "alias")


class Counts(NamedTuple):
    """Numbers of tensor operations of a call.

    Attributes:
        operations: number of kernels that would be launched; views of tensors are not counted.
        waits: number of operations at which the host waits for the device.
    """

    operations: int
    waits: int


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.append(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


def counts(work: Callable[[], object]) -> Counts:
    """Count the operations of one call, forward and backward."""
    with _Count() as mode:
        work()
    # Views launch no kernel, so they cost next to nothing.
    kernels = [n for n in mode.names if not n.lstrip("_").startswith(VIEWS)]
    return Counts(len(kernels), sum(n.startswith(WAITS) for n in kernels))


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most bytes that tensors hold at once during a call, without earlier tensors."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    results: Any = recorded.profiler.kineto_results  # pyright: ignore[reportOptionalMemberAccess]
    events = [e for e in results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def saved_bytes(forward: Callable[[], object]) -> int:
    """Return the bytes that autograd keeps for the backward; each storage counts once."""
    storages: dict[int, int] = {}  # by address: saved tensors may share one

    def pack(x: Tensor) -> Tensor:
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        kept = forward()
    del kept
    return sum(storages.values())


def resident_bytes(process: int | None = None) -> int:
    """Return the memory of a process and its children; shared pages count once."""
    process = process or os.getpid()
    folder = Path(f"/proc/{process}")
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
        began = (folder / "task" / str(process) / "children").read_text().split()
    except OSError:  # the process ended in the meantime
        return 0
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return own + sum(resident_bytes(int(child)) for child in began)


def peak_resident_bytes() -> int:
    """Return the most memory that this process has had at once, by all its libraries."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
