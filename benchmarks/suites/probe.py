"""Linear heads by SGD (`linear`) on cached features, CPU time on one thread.

10,000 features, ten classes, five epochs of batches of 256: a grid of 13 learning rates and 4
weight decays as one product, against one head, and against a loop over 52 modules with torch's SGD
that all see each batch. The products of 52 heads are 52 times the arithmetic of one, and they run
near the processor's peak: the first ratio cannot come near 1 on a CPU. Agreement is the relative
difference of a head's weights; memory is the most that tensors hold at once, in MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import torch
from costs import peak_bytes
from page import Row, megabytes
from suites.knn import CLASSES, features
from torch import Tensor, nn
from torch.nn import functional as F
from windows import alternate

from manyviews.evaluation.features import Features
from manyviews.evaluation.linear_grid import LinearGrid

RATES = [10 ** (-3 + 0.2 * i) for i in range(13)]
DECAYS = [0.0, 1e-5, 1e-4, 1e-3]
EPOCHS, BATCH = 5, 256
ONE = [(0.1, 0.0)]


def rows(windows: int) -> Iterator[Row]:
    """52 heads against one and against the loop."""
    for width in (128, 512):
        train = features(10_000, width, 0)
        pairs = [*product(RATES, DECAYS)]
        sides: dict[str, Callable[[], object]] = {
            "52 heads": partial(grid, train, pairs),
            "1 head": partial(grid, train, ONE),
            "loop of 52": partial(loop, train, pairs),
        }
        found = alternate(sides, windows=min(windows, 5))
        peak = {name: megabytes(peak_bytes(work)) for name, work in sides.items()}
        alone, looped = (difference(train, pairs, other) for other in (grid, loop))
        for first, second, far, goal in (
            ("52 heads", "1 head", alone, ("at most", 1.5)),
            ("loop of 52", "52 heads", looped, None),
        ):
            yield Row(
                f"D {width}",
                first,
                second,
                "s",
                (found[first], found[second]),
                f"weights {far:.0e}",
                f"{peak[first]} / {peak[second]}",
                goal,
            )


def grid(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Weights of all heads, trained as one product."""
    probe = LinearGrid(1, RATES, DECAYS, epochs=EPOCHS, batch_size=BATCH)
    heads = probe.fit(train.embedding, train.label, CLASSES, pairs)
    return [head.weight for head in heads]


def loop(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Weights of all heads, one module and optimizer each."""
    x, label = train.embedding, train.label
    heads = [nn.Linear(x.shape[1], CLASSES) for _ in pairs]
    optimizers = []
    for head, (rate, decay) in zip(heads, pairs, strict=True):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        groups = [{"params": [head.weight], "weight_decay": decay}, {"params": [head.bias]}]
        optimizers.append(torch.optim.SGD(groups, lr=rate, momentum=0.9))
    generator = torch.Generator().manual_seed(0)
    steps, step = EPOCHS * (len(x) // BATCH), 0
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        for rows in order[: len(x) // BATCH * BATCH].view(-1, BATCH):
            inputs, target = x[rows], label[rows]
            factor = 0.5 * (1 + math.cos(math.pi * step / steps))
            for head, optimizer, (rate, _) in zip(heads, optimizers, pairs, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = rate * factor
                optimizer.zero_grad()
                F.cross_entropy(head(inputs), target).backward()
                optimizer.step()
            step += 1
    return [head.weight.detach() for head in heads]


def difference(
    train: Features, pairs: list[tuple[float, float]], other: Callable[..., list[Tensor]]
) -> float:
    """Of the last pair's head, trained among all and by `other` alone."""
    (alone,) = other(train, pairs[-1:])
    among = grid(train, pairs)[-1]
    return float((among - alone).norm() / alone.norm())
