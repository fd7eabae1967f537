"""Measure how often the nearest candidate of a window has the window's own state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.datamodules.series.recordings import Recordings

TRIES = 100  # tries for each episode that is wanted


class Episodes(NamedTuple):
    """Anchors and candidates of the same subject, each inside one bout.

    Attributes:
        anchor: int64 (N,), first step of each anchor in the flat array of recordings.
        candidates: int64 (K, N), first step of each candidate.
        right: bool (K, N), True if a candidate has its anchor's state; for every anchor some
            candidates have it and some do not.
    """

    anchor: Int64[Tensor, " N"]
    candidates: Int64[Tensor, "K N"]
    right: Bool[Tensor, "K N"]


def episodes(
    recordings: Recordings, length: int, *, candidates: int = 20, count: int = 400, seed: int = 0
) -> Episodes:
    """Draw anchors from all windows of one state, and candidates at least a window away from them.

    Args:
        recordings: recordings with labels.
        length: T, steps of a window.
        candidates: K, candidates of each anchor.
        count: N, number of anchors.
        seed: seed of the draws.

    Raises:
        ValueError: too few episodes are found, because subjects lack a second state.
    """
    generator = torch.Generator().manual_seed(seed)

    def some(rows: Tensor, number: int) -> Tensor:
        """Return rows that are drawn with replacement."""
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
    """Return the first steps of all windows that lie in one recording and one known state."""
    label = recordings.label
    border = torch.zeros_like(label, dtype=torch.bool)
    border[1:] = label[1:] != label[:-1]
    border[recordings.offset[:-1]] = True
    bout = border.cumsum(0)
    inside = (bout[: len(bout) - length + 1] == bout[length - 1 :]) & (label[length - 1 :] >= 0)
    return inside.nonzero()[:, 0]


def precision(distance: Float[Tensor, "K N"], right: Bool[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """Return 1 for each anchor whose nearest candidate has its state, else 0."""
    return right.gather(0, distance.argmin(0)[None])[0].to(distance.dtype)


def auc(distance: Float[Tensor, "K N"], right: Bool[Tensor, "K N"]) -> Float[Tensor, " N"]:
    """Return, per anchor, the share of pairs (right, wrong candidate) whose right one is nearer."""
    nearer = distance[:, None] < distance[None]
    won = nearer + (distance[:, None] == distance[None]) / 2
    pairs = right[:, None] & ~right[None]
    return (won * pairs).sum((0, 1)) / pairs.sum((0, 1))
