"""REBAR's distances and loss at batch 64 with 20 candidates.

CPU time on one thread, and the distances also as wall time on all cores. Windows of 128 steps and 6
channels, attention width 256, one block: the official set-up for human activities. *Looped* does
the work in the order of the official code: a forward for every candidate with all queries made
anew, masks as wide as the maps, products with three identity matrices, values at full width; the
loss goes through the batch row by row. It is timed on one candidate, and ours on all 20, per
candidate. Both run as they do in use: *looped* in a plain process, ours in one that keeps what
tensors free, as `manyviews pretrain` does on a CPU (*memory kept*); and looped in such a process
too, which helps it far more. Five processes of each kind take turns, for by the luck of its
allocator a plain one takes the looped form half as long again as another. The loss is forward and
backward of both terms on embeddings of 320. Agreement is the largest relative difference of the
distances in float32 with the share of anchors for which both retrieve the same candidate, and that
of the gradients in float64; memory is the most that tensors hold at once beyond the arguments, in
MB. The goals are set for one thread.
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
    """Distances, then the loss."""
    for threads in sorted({1, os.cpu_count() or 1}):
        yield from scorer(max(windows // PROCESSES, 2), threads)
    yield loss(windows)


class Scorers(NamedTuple):
    """Both sides and what they get.

    Attributes:
        net: the measure, untrained.
        loop: its looped form.
        anchor: (B, C, T).
        candidates: (K, B, C, T).
        observed: (T,), half of the steps.
    """

    net: CrossAttention
    loop: Looped
    anchor: Tensor
    candidates: Tensor
    observed: Tensor

    def ours(self) -> Tensor:
        """Distances of all candidates."""
        return distances(self.net, self.anchor, self.candidates, self.observed, missing=STEPS // 2)

    def looped(self, count: int) -> Tensor:
        """Distances of as many candidates."""
        some = self.candidates[:count]
        return torch.stack([self.loop.distance(self.anchor, c, self.observed) for c in some])


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


def scorer(windows: int, threads: int) -> Iterator[Row]:
    """All distances of a batch, per candidate, in processes of their own."""
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
    """What the work finds in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (windows, threads))


def looped_alone(windows: int, threads: int) -> list[float]:
    """Seconds of every window in a process that nothing else has touched."""
    made = prepared(threads)
    sides = {FIRST: lambda: made.looped(1)}
    return alternate(sides, windows=windows, clock=clock_of(threads))[FIRST]


def measured(windows: int, threads: int) -> Measured:
    """Both sides in this process, which keeps what they free."""
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
    """CPU time on one thread, wall time on more."""
    return time.process_time if threads == 1 else time.perf_counter


def prepared(threads: int) -> Scorers:
    """The same in every process."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = CrossAttention(CHANNELS).eval()
    anchor, candidates = given(BATCH), given(CANDIDATES, BATCH)
    return Scorers(net, Looped(net), anchor, candidates, torch.randperm(STEPS) >= STEPS // 2)


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
