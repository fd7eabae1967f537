"""Sums, maxima and gathers over ranks, with exact gradients; a single process keeps its argument.

The gradient of a result is summed over ranks on its way back. So after DDP's mean over ranks, the
parameters have the gradient of one process on the joined batch. This holds if every rank returns
the same global loss, and also if each returns the loss of its own rows, whose mean is the global
loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor

PATIENCE = timedelta(days=30)  # longer than anything that rank 0 does alone


def world_size() -> int:
    """Return the number of ranks, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this rank, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def total(x: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """Return the sum over ranks, element by element, with gradient."""
    return _Total.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


def total_with_local_gradient(x: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """Return the sum over ranks with a gradient that is not summed over ranks.

    With W ranks the gradient after DDP's mean is 1/W of the exact one. This is the scale of papers
    whose code sums with `torch.distributed.all_reduce`.
    """
    return _TotalWithLocalGradient.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


@torch.no_grad()
def maximum(x: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """Return the maximum over ranks, element by element, without gradient."""
    return _reduce(x, dist.ReduceOp.MAX) if world_size() > 1 else x


def gather(x: Shaped[Tensor, "B ..."]) -> Shaped[Tensor, "N ..."]:
    """Return the rows of all ranks in the order of the ranks, with gradient.

    Every rank must have equally many rows.
    """
    return _Gather.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


def join_blocks(
    x: Shaped[Tensor, "n ..."], block: int, rows: int
) -> Shaped[Tensor, "N ..."] | None:
    """Return the rows of all ranks on rank 0, None on the others, without gradient.

    Args:
        x: rows of this rank, on the CPU: of W ranks, rank r has every W-th block from block r on.
        block: rows of a block; the last one may have fewer.
        rows: number of rows of all ranks together.
    """
    if world_size() == 1:
        return x
    if rank() > 0:
        for part in x.split(block) if len(x) else ():
            dist.send(part.contiguous(), 0)
        return None
    joined, own = x.new_empty(rows, *x.shape[1:]), iter(x.split(block))
    for number, place in enumerate(joined.split(block)):
        sender = number % world_size()
        if sender == 0:
            place.copy_(next(own))
        else:
            dist.recv(place, sender)
    return joined


def from_rank_0(flag: bool) -> bool:
    """Return the flag of rank 0 on every rank."""
    return bool(maximum(torch.tensor(float(flag and rank() == 0))))


@contextmanager
def rank_0_alone() -> Iterator[None]:
    """Let the other ranks wait at the end of the block until rank 0 gets there, too.

    They would fail in a collective of the process group itself after 10 minutes (NCCL) or 30
    (gloo), so they wait in one of a group of their own. Every rank must enter the block.
    """
    if world_size() == 1:
        yield
        return
    waiting: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
    yield
    dist.all_reduce(torch.zeros(1), group=waiting)
    dist.destroy_process_group(waiting)


def local_rows(x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "B ..."]:
    """Return this rank's rows of a tensor that is equal on all ranks: the inverse of `gather`."""
    rows = len(x) // world_size()
    return x[rank() * rows : (rank() + 1) * rows]


# torch.distributed.nn has such functions, too, but torch 2.15 deprecates them.
class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _reduce(x, dist.ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        # Each rank's x enters the result on all ranks, so it gets the gradients of all of them.
        return _reduce(gradient[0], dist.ReduceOp.SUM)


class _TotalWithLocalGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _reduce(x, dist.ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return gradient[0]  # of this rank's own loss alone


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()  # all_gather refuses other layouts
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return local_rows(_reduce(gradient[0], dist.ReduceOp.SUM))


def _reduce(x: Tensor, operation: Any) -> Tensor:
    """Return a copy that is reduced over ranks; all_reduce itself works in place."""
    x = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(x, operation)
    return x
