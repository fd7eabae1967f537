"""How often the nearest candidate of a window is of the window's own state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.datamodules.series.recordings import Recordings

TRIES = 100  # per episode that is asked for


class Episodes(NamedTuple):
    """Anchors and candidates of the same subject, each inside one bout.

    Attributes:
        anchor: int64 (N,), first step of each in the flat array.
        candidates: int64 (K, N), likewise.
        right: (K, N), whether a candidate has its anchor's state; of every anchor some have it and
            some have not.
    """

    anchor: Int64[Tensor, " N"]
    candidates: Int64[Tensor, "K N"]
    right: Bool[Tensor, "K N"]


def episodes(
    recordings: Recordings, length: int, *, candidates: int = 20, count: int = 400, seed: int = 0
) -> Episodes:
    """Anchors drawn from all windows of one state, candidates at least a window away.

    Args:
        recordings: labelled.
        length: T, steps of a window.
        candidates: K.
        count: N.
        seed: of the draws.

    Raises:
        ValueError: no subject has two states to tell apart.
    """
    generator = torch.Generator().manual_seed(seed)

    def some(rows: Tensor, number: int) -> Tensor:
        return rows[torch.randint(len(rows), (number,), generator=generator)]

    start = within_bouts(recordings, length)
    subject = recordings.subject.repeat_interleave(recordings.length)
    found = []
    for _ in range(TRIES * count if len(start) else 0):
        anchor = some(start, 1)
        apart = (start - anchor).abs() >= length
        if not len(pool := start[apart & (subject[start] == subject[anchor])]):
            continue
        chosen = some(pool, candidates)
        right = recordings.label[chosen] == recordings.label[anchor]
        if right.any() and not right.all():
            found.append((anchor[0], chosen, right))
        if len(found) == count:
            anchors, others, truth = map(torch.stack, zip(*found, strict=True))
            return Episodes(anchors, others.mT, truth.mT)
    raise ValueError(
        f"{len(found)} of {count} episodes in {TRIES * count} tries: retrieval needs subjects with "
        f"two states or more that last {length} steps"
    )


def within_bouts(recordings: Recordings, length: int) -> Int64[Tensor, " N"]:
    """First steps of all windows that lie in one recording and one known state."""
    label = recordings.label
    border = torch.zeros_like(label, dtype=torch.bool)
    border[1:] = label[1:] != label[:-1]
    border[recordings.offset[:-1]] = True
    bout = border.cumsum(0)
    inside = (bout[: len(bout) - length + 1] == bout[length - 1 :]) & (label[length - 1 :] >= 0)
    return inside.nonzero()[:, 0]


def precision(distance: Float[Tensor, "K N"], right: Bool[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """1 where the nearest candidate of an anchor has its state, else 0."""
    return right.gather(0, distance.argmin(0)[None])[0].to(distance.dtype)


def auc(distance: Float[Tensor, "K N"], right: Bool[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """Share of the pairs of a right and a wrong candidate whose right one is nearer, per anchor."""
    nearer = distance[:, None] < distance[None]
    won = nearer + (distance[:, None] == distance[None]) / 2
    pairs = right[:, None] & ~right[None]
    return (won * pairs).sum((0, 1)) / pairs.sum((0, 1))
