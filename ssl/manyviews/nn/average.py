"""The running average of a network over its training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def move_towards(average: nn.Module, network: nn.Module, share: float) -> None:
    """Parameters of `average` go that share of the way to those of `network`; buffers are copied.

    With share 1 / (n + 1) at the n-th call every network so far, and what the average was before
    the first call, weighs the same.
    """
    move_parameters(average, network, share)
    for own, buffer in zip(average.buffers(), network.buffers(), strict=True):
        own.copy_(buffer)


@torch.no_grad()
def move_parameters(follower: nn.Module, network: nn.Module, share: float) -> None:
    """Parameters of `follower` go that share of the way to those of `network`; no buffer does."""
    ours: list[Tensor] = list(follower.parameters())
    theirs: list[Tensor] = list(network.parameters())
    torch._foreach_lerp_(ours, theirs, share)  # pyright: ignore[reportPrivateImportUsage]
