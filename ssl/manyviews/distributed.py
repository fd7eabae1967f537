"""Sums, maxima and gathers over ranks; one process gets its own argument back.

Gradients are exact: the gradient that reaches a result is summed over ranks on its way back, so
after DDP's mean over ranks the parameters have the gradient of one process on the joined batch,
whether each rank returns the same global loss or its share of a mean.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor


def world_size() -> int:
    """Number of ranks; 1 where no process group was begun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this rank, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def total(x: Tensor) -> Tensor:
    """The sum over ranks, with gradient."""
    return _Total.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


def total_of_shares(x: Tensor) -> Tensor:
    """The sum over ranks, whose gradient stays on each rank.

    After DDP's mean the gradient is 1/W of the exact one: the scale of papers whose code sums with
    `torch.distributed.all_reduce`.
    """
    return _TotalOfShares.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


@torch.no_grad()
def largest(x: Tensor) -> Tensor:
    """The maximum over ranks, element by element, without gradient."""
    return _reduced(x, dist.ReduceOp.MAX) if world_size() > 1 else x


def gather(x: Shaped[Tensor, "B ..."]) -> Shaped[Tensor, "N ..."]:
    """The rows of all ranks in the order of the ranks, with gradient; every rank has as many."""
    return _Gather.apply(x) if world_size() > 1 else x  # pyright: ignore[reportReturnType]


def share(x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "B ..."]:
    """This rank's rows of what is equal on all ranks."""
    rows = len(x) // world_size()
    return x[rank() * rows : (rank() + 1) * rows]


# torch.distributed.nn holds such functions too, but torch 2.15 deprecates them.
class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _reduced(x, dist.ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return _reduced(gradient[0], dist.ReduceOp.SUM)


class _TotalOfShares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _reduced(x, dist.ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return gradient[0]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Tensor:
        return share(_reduced(gradient[0], dist.ReduceOp.SUM))


def _reduced(x: Tensor, operation: Any) -> Tensor:
    x = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(x, operation)
    return x
