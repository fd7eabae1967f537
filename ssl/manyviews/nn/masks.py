"""Masks that hide steps of a time series window, the same ones in all its channels."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from manyviews import draws

Sharing = Literal["shared", "per_candidate", "per_anchor"]


def contiguous(
    seed: int, step: int, position: Int64[Tensor, " B"], steps: int, length: int
) -> Bool[Tensor, "B {steps}"]:
    """Return masks that are True on a run of `length` steps; all starts are equally likely.

    Args:
        seed: the run's seed.
        step: the optimizer step; another step gives other masks.
        position: row of each window in its data set.
        steps: T.
        length: number of hidden steps.
    """
    turn = draws.uniform(seed, step, position, 0, "mask", 1)
    # turn is in [0, 1), so start takes each of the T - length + 1 values with equal chance.
    start = (turn * (steps - length + 1)).long()
    time = torch.arange(steps, device=position.device)
    return (time >= start) & (time < start + length)


def intermittent(
    seed: int,
    step: int,
    position: Int64[Tensor, " B"],
    steps: int,
    candidates: int,
    sharing: Sharing = "shared",
) -> Bool[Tensor, "*mask {steps}"]:
    """Return masks that are True on exactly floor(T / 2) random steps.

    Args:
        seed: the run's seed.
        step: the optimizer step; another step gives other masks.
        position: row of each anchor in its data set.
        steps: T.
        candidates: K.
        sharing: "shared": one mask (T,) for all pairs; "per_candidate": (K, 1, T), one for each
            candidate number; "per_anchor": (B, T).
    """
    if sharing == "per_anchor":
        turn = draws.uniform(seed, step, position, 0, "hidden", steps)
        # argsort of uniform numbers is a random permutation; its first half of values is hidden.
        return turn.argsort(dim=1, stable=True) < steps // 2
    names = ["hidden"]
    if sharing == "per_candidate":
        names = [f"hidden {k}" for k in range(candidates)]
    order = torch.stack([draws.permutation(seed, step, steps, name) for name in names])
    hidden = (order < steps // 2).to(position.device)
    return hidden[0] if sharing == "shared" else hidden[:, None]
