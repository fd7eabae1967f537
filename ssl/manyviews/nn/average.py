"""Running averages of a network's weights over its training (SWA, EMA)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def move_towards(average: nn.Module, network: nn.Module, share: float) -> None:
    """Move the parameters of `average` towards those of `network`; copy its buffers.

    Args:
        average: changed in place: average <- average + share (network - average).
        network: the network that learns.
        share: a constant gives an exponential average. 1 / (n + 1) at the n-th call gives the plain
            mean of the initial average and all n networks.
    """
    move_parameters(average, network, share)
    # Batch norm statistics are themselves running averages, so the network's are taken as they are.
    for own, buffer in zip(average.buffers(), network.buffers(), strict=True):
        own.copy_(buffer)


@torch.no_grad()
def move_parameters(follower: nn.Module, network: nn.Module, share: float) -> None:
    """Move the parameters of `follower` towards those of `network`; leave its buffers alone."""
    ours: list[Tensor] = list(follower.parameters())
    theirs: list[Tensor] = list(network.parameters())
    torch._foreach_lerp_(ours, theirs, share)  # pyright: ignore[reportPrivateImportUsage]
