"""REBAR's distances and loss at batch 64 with 20 candidates.

CPU time on one thread, and the distances also as wall time on all cores. Windows of 128 steps and 6
channels, attention width 256, one block: the official set-up for human activities. *Looped* does
the work in the order of the official code: a forward for every candidate with all queries made
anew, masks as wide as the maps, products with three identity matrices, values at full width; the
loss goes through the batch row by row. It is timed on one candidate, and so is ours on all 20, per
candidate, in five processes one after the other: by the luck of its allocator a process takes the
looped form half as long again as another. The loss is forward and backward of both terms on
embeddings of 320. Agreement is the largest relative difference of the distances in float32 with the
share of anchors for which both retrieve the same candidate, and that of the gradients in float64;
memory is the most that tensors hold at once beyond the arguments, in MB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from multiprocessing import get_context
from typing import NamedTuple

import torch
from costs import peak_bytes
from looped_rebar import Looped, looped_loss
from page import Row, megabytes
from suites.loss import backward, difference
from torch import Tensor
from windows import alternate

from manyviews.backbones.cross_attention import CrossAttention
from manyviews.losses import retrieval_contrast

BATCH, CANDIDATES, CHANNELS, STEPS = 64, 20, 6, 128
EMBEDDING, TEMPERATURE, BETWEEN = 320, 0.1, 0.5
GOAL = ("at least", 5.0)
PROCESSES = 5
FIRST, SECOND = "looped", "manyviews"


def rows(windows: int) -> Iterator[Row]:
    """Distances, then the loss."""
    for threads in sorted({1, os.cpu_count() or 1}):
        yield scorer(max(windows // PROCESSES, 2), threads)
    yield loss(windows)


class Measured(NamedTuple):
    """What one process found.

    Attributes:
        seconds: of every window, by side, per candidate.
        far: largest relative difference of the distances.
        same: share of anchors for which both retrieve the same candidate.
        peak: bytes, by side.
    """

    seconds: dict[str, list[float]]
    far: float
    same: float
    peak: list[float]


def scorer(windows: int, threads: int) -> Row:
    """All distances of a batch, per candidate, in processes of their own."""
    found: list[Measured] = []
    for _ in range(PROCESSES):
        with get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(measured, (windows, threads)))
    first, second = ([s for f in found for s in f.seconds[side]] for side in (FIRST, SECOND))
    return Row(
        f"distances, {BATCH} anchors x {CANDIDATES} candidates, threads: {threads}",
        FIRST,
        SECOND,
        "ms",
        (first, second),
        f"distances {max(f.far for f in found):.0e}, "
        f"retrieved {min(f.same for f in found):.0%} the same",
        " / ".join(megabytes(max(peaks)) for peaks in zip(*(f.peak for f in found), strict=True)),
        GOAL,
        "per candidate of all anchors",
    )


def measured(windows: int, threads: int) -> Measured:
    """Both sides in this process."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = CrossAttention(CHANNELS).eval()
    anchor, candidates = given(BATCH), given(CANDIDATES, BATCH)
    observed = torch.randperm(STEPS) >= STEPS // 2
    looped = Looped(net)

    def ours(candidates: Tensor) -> Tensor:
        return net.distances(anchor, candidates, observed, missing=STEPS // 2)

    def theirs(candidates: Tensor) -> Tensor:
        return torch.stack([looped.distance(anchor, c, observed) for c in candidates])

    sides = {FIRST: lambda: theirs(candidates[:1]), SECOND: lambda: ours(candidates)}
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds = alternate(sides, windows=windows, clock=clock)
    seconds[SECOND] = [s / CANDIDATES for s in seconds[SECOND]]
    expected, distance = theirs(candidates), ours(candidates)
    far = float(((distance - expected) / expected).abs().max())
    same = float((distance.argmin(0) == expected.argmin(0)).float().mean())
    return Measured(seconds, far, same, [peak_bytes(work) for work in sides.values()])


def given(*rows: int) -> Tensor:
    """Random walks, as (..., C, T)."""
    return torch.randn(*rows, CHANNELS, STEPS).cumsum(-1) / 5


def loss(windows: int) -> Row:
    """Both terms, forward and backward."""
    torch.manual_seed(1)
    shapes = (BATCH, EMBEDDING), (CANDIDATES, BATCH, EMBEDDING)
    embeddings = [torch.randn(shape, requires_grad=True) for shape in shapes]
    positive = torch.randint(CANDIDATES, (BATCH,))

    def ours(anchor: Tensor, candidates: Tensor) -> Tensor:
        parts = retrieval_contrast(
            anchor, candidates, positive, temperature=TEMPERATURE, between_weight=BETWEEN
        )
        return parts.within + parts.between

    def theirs(anchor: Tensor, candidates: Tensor) -> Tensor:
        return looped_loss(
            anchor, candidates, positive, temperature=TEMPERATURE, between_weight=BETWEEN
        )

    sides = {FIRST: backward(theirs, embeddings), SECOND: backward(ours, embeddings)}
    found = alternate(sides, windows=windows)
    return Row(
        f"loss, {BATCH} anchors x {CANDIDATES} candidates",
        FIRST,
        SECOND,
        "ms",
        (found[FIRST], found[SECOND]),
        f"gradient {difference(theirs, ours, embeddings):.0e}",
        " / ".join(megabytes(peak_bytes(work)) for work in sides.values()),
        GOAL,
    )
