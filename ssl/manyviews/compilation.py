"""`trainer.compile=true`: the parts of a method as kernels of torch.compile while they train."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn

from manyviews.errors import ConfigError


@functools.cache
def check_compiler(device: str) -> None:
    """Compile a line of arithmetic.

    Raises:
        ConfigError: this machine cannot.
    """
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(4, device=device))
    except Exception as error:  # of dynamo, inductor, the compiler or triton, each with its kinds
        reason = str(error).strip().splitlines()[0][:150] if str(error).strip() else repr(error)
        raise ConfigError(
            f"trainer.compile=true: nothing can be compiled here ({reason}); "
            "install g++ (and triton for a GPU), or type trainer.compile=false"
        ) from error


def compile_parts(method: nn.Module) -> list[str]:
    """Compile backbone and heads in place, once per size of crops; their names.

    Names and values of the state stay. What runs without gradient (evaluation, targets) is as
    before: its batches have sizes that come once.
    """
    for _, part in (named := list(method.named_children())):
        part.forward = _where_it_trains(part)
    return [name for name, _ in named]


def _where_it_trains(part: nn.Module) -> Any:
    plain = part.forward
    # Not dynamic: shapes are few and fixed, and general kernels are slower.
    compiled = torch.compile(plain, dynamic=False)

    @functools.wraps(plain)
    def forward(*inputs: Any) -> Any:
        return (compiled if torch.is_grad_enabled() else plain)(*inputs)

    return forward
