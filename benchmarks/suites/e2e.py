"""A whole training: wall time per source image.

SwAV with the settings of `experiment=swav_fashion_mnist_mini` (`resnet_tiny`, 28 x 28 pixels, two
views), batches of 256 and epochs of 20 steps. Every side is a separate process with torch's default
number of threads (or OMP_NUM_THREADS); the processes take turns, an epoch each. *manyviews* is
`manyviews pretrain` with every default callback except the online kNN, with W&B offline and a
checkpoint at the end of each epoch. *lightly* trains the same backbone with its own transform (same
values), head, prototypes and loss, and two loader workers: *as published* with a bare Lightning
trainer in float32; *best effort* as a plain loop with persistent workers, in bfloat16 and channels
last if the processor has bfloat16. Agreement is the largest relative difference between the
gradients of both losses on the same scores in float64. Memory is that of the process and its
workers in MB; shared pages count once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import torch
from page import Row, megabytes
from suites.loss import difference, swav, swav_of_lightly
from turns import Contender, Epoch

from manyviews.hardware import cpu_has_bf16

ROOT = Path(__file__).parents[2]
IMAGES = 256 * 20  # in an epoch, see contender.py
GOAL = ("at least", 3.5)


def rows(windows: int) -> Iterator[Row]:
    """Compare both forms of lightly with manyviews in float32 and bfloat16."""
    best = "bf16-mixed" if cpu_has_bf16() else "32-true"
    sides = {
        "lightly as published": ("lightly_as_published", "32-true"),
        "lightly best effort": ("lightly_best_effort", best),
        "manyviews float32": ("manyviews", "32-true"),
    }
    if cpu_has_bf16():
        sides["manyviews bfloat16"] = ("manyviews", best)
    taken = epochs(sides, windows)
    seconds = {name: [e.seconds / IMAGES for e in es] for name, es in taken.items()}
    memory = {name: megabytes(max(e.resident for e in es)) for name, es in taken.items()}
    rate = {name: f"{1 / median(s):,.0f}" for name, s in seconds.items()}
    scores = torch.randn(2, 256, 128, generator=torch.Generator().manual_seed(0))
    agree = f"gradient {difference(swav_of_lightly, swav, [scores]):.0e}"
    for ours in [name for name in sides if name.startswith("manyviews")]:
        for peer in [name for name in sides if name.startswith("lightly")]:
            yield Row(
                "SwAV, two views",
                peer,
                ours,
                "ms",
                (seconds[peer], seconds[ours]),
                agree,
                f"{memory[peer]} / {memory[ours]}",
                GOAL if ours == [*sides][-1] else None,
                besides=f"source images per s: {rate[peer]} / {rate[ours]}, views: twice that",
            )


def epochs(sides: dict[str, tuple[str, str]], windows: int) -> dict[str, list[Epoch]]:
    """Let the sides train epochs in turn, after one to warm up; return time and memory of each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = {}
        for name, (side, precision) in sides.items():
            environment = {**os.environ, "RUNS": str(folder / name.replace(" ", "_"))}
            command = [str(ROOT / "benchmarks" / "contender.py"), side, precision]
            contenders[name] = Contender(command, environment, folder / f"{side}{precision}.log")
            stack.callback(contenders[name].close)
            contenders[name].epoch()  # warms up
        taken: dict[str, list[Epoch]] = {name: [] for name in sides}
        for _ in range(windows):
            for name, contender in contenders.items():
                taken[name].append(contender.epoch())
    return taken
