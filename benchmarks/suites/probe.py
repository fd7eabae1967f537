"""Linear heads trained by SGD (protocol `linear`): CPU time on one thread.

The grid is 13 learning rates times 4 weight decays: 52 heads, trained together as one matrix
product. The rows *D 128* and *D 512* train heads on 10,000 features of that width in ten classes,
five epochs with batches of 256; *loop of 52* trains 52 modules with torch's SGD one after the other
on every batch. The row *an evaluation of a run* is what a user waits for: `manyviews evaluate` on a
run of `resnet_tiny` on `fashion_mnist_mini`, with the features of all 12,000 images by the trained
and by a random network, 50 epochs of heads on the features of both and on raw pixels with a tenth
of train held out to choose a head, and the report. Agreement is the relative difference between
weights of the same head, or between features. Memory is the most that tensors hold at once, in MB.
"""

from __future__ import annotations

import contextlib
import io
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
import torch
from costs import peak_bytes
from page import Row, megabytes
from suites.knn import CLASSES, features
from torch import Tensor, nn
from torch.nn import functional as F
from windows import alternate

from manyviews import scoring
from manyviews import train as training
from manyviews.evaluation.features import Features
from manyviews.evaluation.protocols.linear import LinearGrid
from manyviews.runs import Run

RATES = [10 ** (-3 + 0.2 * i) for i in range(13)]
DECAYS = [0.0, 1e-5, 1e-4, 1e-3]
EPOCHS, BATCH = 5, 256
ONE = [(0.1, 0.0)]
# The run to be evaluated: its weights do not matter for the time.
ONE_STEP = [
    "experiment=demo",
    "epochs=1",
    "trainer.limit_train_batches=1",
    "trainer.accelerator=cpu",
    "callbacks.online_knn=null",
    "logger.wandb=null",
    "evaluation=[knn]",
]
GOAL = ("at most", 1.5)  # of a whole evaluation
WHY = "52 times the arithmetic of one head, near the processor's peak"


def rows(windows: int) -> Iterator[Row]:
    """Compare 52 heads with one head and with a loop, then whole evaluations."""
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
        for first, second, far, why in (
            ("52 heads", "1 head", alone, WHY),
            ("loop of 52", "52 heads", looped, ""),
        ):
            yield Row(
                f"D {width}",
                first,
                second,
                "s",
                (found[first], found[second]),
                f"weights {far:.0e}",
                f"{peak[first]} / {peak[second]}",
                besides=why,
            )
    yield evaluation(min(windows, 3))


def evaluation(windows: int) -> Row:
    """Compare whole evaluations of a run, with the grid and with one head."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = training.pretrain([*ONE_STEP, f"runs={folder}"])
        sides = {
            "52 heads": partial(evaluated, run, RATES, DECAYS),
            "1 head": partial(evaluated, run, [ONE[0][0]], [ONE[0][1]]),
        }
        found: dict[str, list[float]] = {name: [] for name in sides}
        test: dict[str, Tensor] = {}
        # No call to warm up: `pretrain` has evaluated already, and a call takes many seconds.
        for _ in range(windows):
            for name, work in sides.items():
                began = time.process_time()
                test[name] = work()
                found[name].append(time.process_time() - began)
        memory = " / ".join(megabytes(peak_bytes(work)) for work in sides.values())
    first, second = test.values()
    return Row(
        "an evaluation of a run",
        "52 heads",
        "1 head",
        "s",
        (found["52 heads"], found["1 head"]),
        f"features {float((first - second).norm() / second.norm()):.0e}",
        memory,
        GOAL,
        WHY,
    )


def evaluated(run: Run, rates: list[float], decays: list[float]) -> Tensor:
    """Evaluate a run as if for the first time, and return its test features."""
    shutil.rmtree(run.path / "features", ignore_errors=True)
    run.report_of("last").unlink(missing_ok=True)
    scoring.evaluate(
        [
            f"run={run.path}",
            "evaluation=[linear]",
            f"evaluation.linear.learning_rates={rates}",
            f"evaluation.linear.weight_decays={decays}",
            "logger.wandb=null",
        ]
    )
    (file,) = run.path.glob("features/trained-test-*.npz")
    return torch.from_numpy(np.load(file)["embedding"])


def grid(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Train all heads as one matrix product, and return their weights."""
    probe = LinearGrid(1, RATES, DECAYS, epochs=EPOCHS, batch_size=BATCH)
    heads = probe.fit(train.embedding, train.label, CLASSES, pairs)
    return [head.weight for head in heads]


def loop(train: Features, pairs: list[tuple[float, float]]) -> list[Tensor]:
    """Train one module and optimizer per head, and return their weights."""
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
    """Return the relative difference of the last head, trained among all and alone by `other`."""
    (alone,) = other(train, pairs[-1:])
    among = grid(train, pairs)[-1]
    return float((among - alone).norm() / alone.norm())
