"""A decorator that keeps losses in float32 or wider, whatever the trainer's precision is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Return `loss` run outside autocast, with float16 and bfloat16 arguments cast to float32."""

    @functools.wraps(loss)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # Autocast is switched off per device type: take that of the first tensor.
        device = next(a.device.type for a in args if isinstance(a, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*map(_widen, args), **kwargs)  # pyright: ignore[reportCallIssue]

    return run


def _widen(argument: object) -> object:
    """Return a tensor of half precision as float32, and anything else as it is."""
    if isinstance(argument, Tensor) and argument.dtype in (torch.float16, torch.bfloat16):
        return argument.float()
    return argument
