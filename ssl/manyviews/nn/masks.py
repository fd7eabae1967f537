"""Which steps of a window are hidden, the same ones in all its channels."""

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
    """True on `length` neighbouring steps of each row; every start from 0 to T - length may come.

    Args:
        seed: of the run.
        step: of the optimizer.
        position: row of each window in its data set.
        steps: T.
        length: how many are hidden.
    """
    turn = draws.uniform(seed, step, position, 0, "mask", 1)
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
    """True on exactly floor(T / 2) steps.

    Args:
        seed: of the run.
        step: of the optimizer.
        position: row of each anchor in its data set.
        steps: T.
        candidates: K.
        sharing: one mask for all, (T,); one per candidate, (K, 1, T); or one per anchor, (B, T).
    """
    if sharing == "per_anchor":
        turn = draws.uniform(seed, step, position, 0, "hidden", steps)
        return turn.argsort(dim=1, stable=True) < steps // 2
    names = ["hidden"]
    if sharing == "per_candidate":
        names = [f"hidden {k}" for k in range(candidates)]
    order = torch.stack([draws.permutation(seed, step, steps, name) for name in names])
    hidden = (order < steps // 2).to(position.device)
    return hidden[0] if sharing == "shared" else hidden[:, None]
