"""Linear heads by SGD (`linear`), CPU time on one thread.

A grid of 13 learning rates and 4 weight decays as one product, against one head, and against a loop
over 52 modules with torch's SGD that all see each batch. First on features that are there already:
10,000 of them, ten classes, five epochs of batches of 256. The products of 52 heads are 52 times
the arithmetic of one, and they run near the processor's peak: that ratio cannot come near 1 on a
CPU. Then what an evaluation takes, as `manyviews evaluate` does it: images of `fashion_mnist_mini`
embedded by a backbone, 50 epochs with a tenth of train held out to choose on, and a head fitted
again. `resnet_tiny`, the smallest, embeds all 10,000 and 2,000 images, `resnet18` a tenth of them:
embedding and heads both grow as their number. Agreement is the relative difference of a
head's weights, or of the features; memory is the most that tensors hold at once, in MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import cast

import torch
from costs import peak_bytes
from page import Row, megabytes
from suites.knn import CLASSES, features
from torch import Tensor, nn
from torch.nn import functional as F
from windows import alternate

from manyviews import build, config
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.module import Split
from manyviews.evaluation.features import Features, extract
from manyviews.evaluation.linear import LinearGrid

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
    yield evaluation("resnet_tiny", 1, min(windows, 5))
    yield evaluation("resnet18", 10, min(windows, 3))


def evaluation(name: str, part: int, windows: int) -> Row:
    """Images to accuracy, with the grid and with one head; of every so many images one."""
    composed, _ = config.compose("pretrain", ["experiment=demo", f"backbone={name}"])
    data = cast(ImageData, build.data(composed))
    backbone = build.method(composed, data).backbone
    chosen: list[Tensor] = []

    def embedded(split: Split) -> Features:
        rows = torch.arange(0, len(getattr(data.splits, split).label), part)
        return extract(backbone, data.clean(split, rows))

    def evaluated(rates: list[float], decays: list[float]) -> None:
        train, test = embedded("train"), embedded("test")
        chosen.append(train.embedding)
        LinearGrid(1, rates, decays)(train, test, CLASSES)

    sides = {
        "52 heads": lambda: evaluated(RATES, DECAYS),
        "1 head": lambda: evaluated([ONE[0][0]], [ONE[0][1]]),
    }
    found = alternate(sides, windows=windows)
    far = max(float((other - chosen[0]).abs().max()) for other in chosen)
    return Row(
        f"an evaluation of {name}",
        "52 heads",
        "1 head",
        "s",
        (found["52 heads"], found["1 head"]),
        f"features {far:.0e}",
        " / ".join(megabytes(peak_bytes(work)) for work in sides.values()),
        ("at most", 1.5),
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
