"""One step of an optimizer: CPU time on one thread.

The parameters are those of a ResNet and of the projector of Barlow Twins, 2048 wide. The optimizers
of torch are fused, as in conf/optimizer/. Agreement is the largest relative difference between the
parameters after three steps in float64; LARS of lightly divides by |g| + decay |p|, while the
paper's code and ours divide by |g + decay p|. Memory is the most that a step holds at once in
addition to parameters, gradients and momentum, in MB. *Operations (waits)* counts the kernels of a
step, and the times the host waits for the device, if all tensors are updated at once as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from costs import Counts, counts, peak_bytes
from lightly.utils.lars import LARS as LightlyLARS  # pyright: ignore[reportMissingImports]
from page import Row, megabytes
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from windows import alternate

from manyviews.backbones.registry import build
from manyviews.nn import projector
from manyviews.optim import LARC, LARS, lars

Make = Callable[[list[dict[str, Any]]], Optimizer]
PEER = "lightly LARS"
LARS_SETTINGS: dict[str, Any] = {"lr": 0.2, "momentum": 0.9, "weight_decay": 1e-6}


def lightly_lars(groups: list[dict[str, Any]]) -> Optimizer:
    """Return lightly's LARS; like ours, it does not adapt tensors without weight decay."""
    return LightlyLARS(groups, **LARS_SETTINGS, eps=0.0)


OURS: dict[str, Make] = {
    "LARS": lambda groups: LARS(groups, **LARS_SETTINGS),
    "LARC": lambda groups: LARC(groups, **LARS_SETTINGS),
    "torch SGD": lambda groups: SGD(groups, **LARS_SETTINGS, fused=True),
    "torch AdamW": lambda groups: AdamW(groups, lr=1e-3, fused=True),
}


def rows(windows: int) -> Iterator[Row]:
    """Compare each optimizer with LARS of lightly."""
    for name in ("resnet18", "resnet50"):
        trunk = build(name, in_channels=3, image_size=32)
        net = nn.Sequential(trunk, projector([trunk.embedding_dim, 2048, 2048, 2048], bias=False))
        steps = {who: ready(make, net) for who, make in [(PEER, lightly_lars), *OURS.items()]}
        found = alternate({who: o.step for who, o in steps.items()}, windows=windows)
        tally = {who: as_on_a_gpu(o) for who, o in steps.items()}
        peak = {who: megabytes(peak_bytes(o.step)) for who, o in steps.items()}
        equal = f"parameters {difference():.0e}"
        for who in OURS:
            said = [f"{tally[w].operations} ({tally[w].waits})" for w in (PEER, who)]
            yield Row(
                f"step of {name}",
                PEER,
                who,
                "ms",
                (found[PEER], found[who]),
                equal if who == "LARS" else "another algorithm",
                f"{peak[PEER]} / {peak[who]}",
                besides=f"operations (waits): {' / '.join(said)}",
            )


def as_on_a_gpu(optimizer: Optimizer) -> Counts:
    """Count the operations of a step that updates all tensors at once."""
    # On a CPU our LARS works in pieces that fit the cache.
    piece, lars.PIECE = lars.PIECE, 2**60
    try:
        return counts(optimizer.step)
    finally:
        lars.PIECE = piece


def ready(make: Make, net: nn.Module) -> Optimizer:
    """Return an optimizer on copies of the parameters; gradients and momentum are set."""
    generator = torch.Generator().manual_seed(0)
    params = [nn.Parameter(p.detach().clone()) for p in net.parameters()]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
    optimizer = make(
        [
            {"params": [p for p in params if p.ndim > 1]},
            {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
        ]
    )
    optimizer.step()  # creates the momentum
    return optimizer


def difference() -> float:
    """Return the relative difference between both LARS after three steps on a small net."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 30), nn.Linear(30, 5)).double()
    both = [ready(make, net) for make in (lightly_lars, OURS["LARS"])]
    for _ in range(2):
        for optimizer in both:
            optimizer.step()
    sides = [[p.detach() for g in o.param_groups for p in g["params"]] for o in both]
    return max(float((a - b).norm() / b.norm()) for a, b in zip(*sides, strict=True))
