"""A network that follows another one: the target of BYOL, TiCo and MoCo."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from manyviews.nn.average import move_parameters


class Momentum(nn.Module):
    """A copy without gradient whose weights are a running average of the original's.

    Batch norm statistics come from its own forward passes; only parameters are averaged.

    Args:
        original: backbone and heads, one behind the other; copied as they are now.
        start: m of the first step; it rises to 1 by half a cosine.
    """

    def __init__(self, original: Sequence[nn.Module], start: float) -> None:
        super().__init__()
        self.copy = copy.deepcopy(nn.Sequential(*original)).requires_grad_(False)
        self.start = start

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """What the copy makes of x."""
        return self.copy(x)

    @torch.no_grad()
    def follow(self, original: Sequence[nn.Module], step: int, total_steps: int) -> None:
        """Theta' <- m theta' + (1 - m) theta, once before each optimizer step.

        At step 0 it becomes the original, whose weights may have been loaded since it was made.
        """
        followed = nn.Sequential(*original)
        if step == 0:
            self.copy.load_state_dict(followed.state_dict())
            return
        move_parameters(self.copy, followed, 1 - momentum(self.start, step, total_steps))


def momentum(start: float, step: int, total_steps: int) -> float:
    """1 - (1 - start) (cos(pi step / total) + 1) / 2: from `start` to 1 (BYOL, TiCo).

    >>> [round(momentum(0.9, step, 10), 3) for step in (0, 5, 10)]
    [0.9, 0.95, 1.0]
    """
    return 1 - (1 - start) * (math.cos(math.pi * step / total_steps) + 1) / 2
