"""The momentum encoder: the target network of BYOL, TiCo and MoCo."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from manyviews.nn.average import move_parameters


class Momentum(nn.Module):
    """A momentum encoder: a copy without gradient whose weights follow the original's average.

    Only parameters are averaged; its batch norm statistics come from its own forward passes.

    Args:
        original: backbone and heads in the order in which they run; copied as they are now.
        start: m of the first step, for example 0.99; it rises to 1 by half a cosine.
    """

    def __init__(self, original: Sequence[nn.Module], start: float) -> None:
        super().__init__()
        self.copy = copy.deepcopy(nn.Sequential(*original)).requires_grad_(False)
        self.start = start

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return the copy's output for x."""
        return self.copy(x)

    @torch.no_grad()
    def follow(self, original: Sequence[nn.Module], step: int, total_steps: int) -> None:
        """Update theta' <- m theta' + (1 - m) theta, once before each optimizer step.

        Args:
            original: the same modules as in the constructor.
            step: the optimizer step, from 0.
            total_steps: number of steps of the run.
        """
        followed = nn.Sequential(*original)
        if step == 0:  # the original's weights may have been loaded since the copy was made
            self.copy.load_state_dict(followed.state_dict())
            return
        move_parameters(self.copy, followed, 1 - momentum(self.start, step, total_steps))


def momentum(start: float, step: int, total_steps: int) -> float:
    """Return m = 1 - (1 - start) (cos(pi step / total) + 1) / 2, from `start` to 1 (BYOL, TiCo).

    >>> [round(momentum(0.9, step, 10), 3) for step in (0, 5, 10)]
    [0.9, 0.95, 1.0]
    """
    return 1 - (1 - start) * (math.cos(math.pi * step / total_steps) + 1) / 2
