"""REBAR's distances and loss at batch 64 with 20 candidates: CPU time on one thread.

Windows have 128 steps and 6 channels, the attention has width 256 and one block: the official
setting for human activities. *looped* works in the order of the official code: a forward per
candidate that computes all queries again, masks as wide as the feature maps, products with three
identity matrices, values at full width; its loss goes through the batch row by row. It is timed on
one candidate, and *manyviews* on all 20; times are per candidate. The rows with more than one
thread are wall time. *looped* runs in a plain process, as in use; *looped, memory kept* and
*manyviews* run in a process that keeps freed memory, as `manyviews pretrain` does on a CPU. Five
processes of each kind take turns, since the looped form can be half as slow again in one plain
process as in another, depending on its allocator. The loss is forward and backward of both terms on
embeddings of 320 dimensions. Agreement is the largest relative difference between the distances in
float32 with the share of anchors for which both retrieve the same candidate, or between the
gradients in float64. Memory is the most that tensors hold at once in addition to the arguments, in
MB. The goals are for one thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import torch
from costs import peak_bytes
from looped_rebar import Looped, looped_loss
from page import Row, megabytes
from suites.loss import backward, difference
from torch import Tensor
from windows import Clock, alternate

from manyviews.backbones.rebar.candidate_distances import distances
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.hardware import keep_freed_memory
from manyviews.losses.rebar import retrieval_contrast

T = TypeVar("T")
BATCH, CANDIDATES, CHANNELS, STEPS = 64, 20, 6, 128
EMBEDDING, TEMPERATURE, BETWEEN = 320, 0.1, 0.5
GOAL = ("at least", 5.0)
PROCESSES = 5
FIRST, SECOND = "looped", "manyviews"


def rows(windows: int) -> Iterator[Row]:
    """Compare the distances, then the loss."""
    for threads in sorted({1, os.cpu_count() or 1}):
        yield from scorer(max(windows // PROCESSES, 2), threads)
    yield loss(windows)


class Scorers(NamedTuple):
    """Both forms of the distance and their arguments.

    Attributes:
        net: the untrained network that measures distances.
        loop: the same network in its looped form.
        anchor: windows of shape (B, C, T).
        candidates: windows of shape (K, B, C, T).
        observed: mask of shape (T,); True for the half of the steps that is seen.
    """

    net: CrossAttention
    loop: Looped
    anchor: Tensor
    candidates: Tensor
    observed: Tensor

    def ours(self) -> Tensor:
        """Return the distances of all candidates."""
        return distances(self.net, self.anchor, self.candidates, self.observed, missing=STEPS // 2)

    def looped(self, count: int) -> Tensor:
        """Return the distances of the first `count` candidates, by the looped form."""
        some = self.candidates[:count]
        return torch.stack([self.loop.distance(self.anchor, c, self.observed) for c in some])


class Measured(NamedTuple):
    """The measurements of one process.

    Attributes:
        seconds: seconds per candidate in every window, by side.
        far: largest relative difference between the distances.
        same: share of anchors for which both retrieve the same candidate.
        peak: most bytes that tensors hold at once, by side.
    """

    seconds: dict[str, list[float]]
    far: float
    same: float
    peak: list[float]


def scorer(windows: int, threads: int) -> Iterator[Row]:
    """Compare the distances of a batch in separate processes; times are per candidate."""
    plain: list[float] = []
    kept: list[Measured] = []
    for _ in range(PROCESSES):
        plain += in_a_process(looped_alone, windows, threads)
        kept.append(in_a_process(measured, windows, threads))
    looped, ours = ([s for found in kept for s in found.seconds[x]] for x in (FIRST, SECOND))
    for first, seconds in ((FIRST, plain), (f"{FIRST}, memory kept", looped)):
        yield Row(
            f"distances, {BATCH} anchors x {CANDIDATES} candidates, threads: {threads}",
            first,
            SECOND,
            "ms",
            (seconds, ours),
            f"distances {max(f.far for f in kept):.0e}, "
            f"retrieved {min(f.same for f in kept):.0%} the same",
            " / ".join(
                megabytes(max(peaks)) for peaks in zip(*(f.peak for f in kept), strict=True)
            ),
            GOAL if threads == 1 and first == FIRST else None,
            "per candidate of all anchors",
        )


def in_a_process(work: Callable[[int, int], T], windows: int, threads: int) -> T:
    """Do the work in a new process, and return its result."""
    # spawn: a forked process would inherit the state of the allocator.
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (windows, threads))


def looped_alone(windows: int, threads: int) -> list[float]:
    """Return the seconds of every window of the looped form in a plain process."""
    made = prepared(threads)
    sides = {FIRST: lambda: made.looped(1)}
    return alternate(sides, windows=windows, clock=clock_of(threads))[FIRST]


def measured(windows: int, threads: int) -> Measured:
    """Measure both sides in this process, which keeps freed memory."""
    keep_freed_memory()
    made = prepared(threads)
    sides = {FIRST: lambda: made.looped(1), SECOND: made.ours}
    seconds = alternate(sides, windows=windows, clock=clock_of(threads))
    seconds[SECOND] = [s / CANDIDATES for s in seconds[SECOND]]
    expected, distance = made.looped(CANDIDATES), made.ours()
    far = float(((distance - expected) / expected).abs().max())
    same = float((distance.argmin(0) == expected.argmin(0)).float().mean())
    return Measured(seconds, far, same, [peak_bytes(work) for work in sides.values()])


def clock_of(threads: int) -> Clock:
    """Return the clock: CPU time for one thread, wall time for more."""
    return time.process_time if threads == 1 else time.perf_counter


def prepared(threads: int) -> Scorers:
    """Return networks and windows; they are the same in every process."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = CrossAttention(CHANNELS).eval()
    anchor, candidates = given(BATCH), given(CANDIDATES, BATCH)
    return Scorers(net, Looped(net), anchor, candidates, torch.randperm(STEPS) >= STEPS // 2)


def given(*rows: int) -> Tensor:
    """Return random walks of shape (..., C, T)."""
    return torch.randn(*rows, CHANNELS, STEPS).cumsum(-1) / 5


def loss(windows: int) -> Row:
    """Compare both terms of the loss, forward and backward."""
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
