"""REBAR's distances from many anchors to many candidates at once.

Equal to a reconstruction of every pair, but: a query is made once per anchor, of the steps that are
scored; values shrink to C channels before the attention meets them; convolutions are products of
matrices, on as many pairs at once as a few megabytes hold.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.backbones.rebar.channels_first import ChannelsFirst
from manyviews.backbones.rebar.reversible_norm import Statistics

if TYPE_CHECKING:
    from manyviews.backbones.rebar.cross_attention import CrossAttention

Part = tuple[slice, slice]  # of anchors and candidates


def distances(
    net: CrossAttention,
    anchor: Float[Tensor, "B 1 C T"],
    candidates: Float[Tensor, "B K C T"],
    masks: Bool[Tensor, "#B #K T"],
    missing: int,
    limit: int,
) -> Float[Tensor, "B K"]:
    """See `CrossAttention.distances`, whose arguments are laid out (K, B, ...)."""
    rows, count, _, steps = candidates.shape
    query, key, value = (ChannelsFirst(n, steps) for n in (net.query, net.key, net.value))
    of_anchor, of_candidate = net.statistics(anchor, masks, candidates)
    asking, given = net.norm(anchor, of_anchor), net.norm(candidates, of_candidate)
    one_query = asking.shape[1] == masks.shape[1] == 1  # for all candidates of an anchor
    position = masks.int().argsort(dim=-1, stable=True)[..., :missing]
    asking, masks, position, mean, std = (
        x.expand(rows, count, *x.shape[2:]) for x in (asking, masks, position, *of_anchor)
    )
    wanted = torch.take_along_dim(anchor, position[:, :, None], -1)

    def ask(p: Part) -> Float[Tensor, "b k m E"]:
        return _queries(query, asking[p], masks[p], position[p])

    at_once = limit // (anchor[0, 0, 0].nbytes * max(net.embedding_dim, missing))
    q = torch.cat([ask(p) for p in _parts(rows, 1, at_once)]) if one_query else None
    found = anchor.new_empty(rows, count)
    for b, k in _parts(rows, count, at_once):
        asked = ask((b, k)) if q is None else q[b]
        rebuilt = _attended(net, key, value, asked, given[b, k])
        rebuilt = net.norm.inverse(rebuilt, Statistics(mean[b, k], std[b, k]))
        found[b, k] = (rebuilt - wanted[b, k]).square().sum((2, 3))
    return found


def _parts(anchors: int, candidates: int, at_once: int) -> list[Part]:
    """All pairs in parts; several anchors only where all their candidates fit."""
    rows, columns = _slices(anchors, at_once // candidates), _slices(candidates, at_once)
    return [(b, k) for b in rows for k in columns]


def _slices(count: int, size: int) -> list[slice]:
    """Of nearly equal size, at most the given one."""
    pieces = -(-count // max(1, size))
    ends = [i * count // pieces for i in range(pieces + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def _queries(
    query: ChannelsFirst,
    anchor: Float[Tensor, "b k C T"],
    masks: Bool[Tensor, "b k T"],
    position: Int64[Tensor, "b k m"],
) -> Float[Tensor, "b k m E"]:
    """Of the steps to be scored, divided by the root of their width."""
    columns = query.net.first.columns(_in_columns(anchor), masks.flatten(0, 1))
    q = query(columns).unflatten(1, position.shape[:2])
    return torch.take_along_dim(q, position[None], -1).movedim(0, -1) / len(q) ** 0.5


def _attended(
    net: CrossAttention,
    key: ChannelsFirst,
    value: ChannelsFirst,
    q: Float[Tensor, "b _ m E"],
    candidates: Float[Tensor, "b k C T"],
) -> Float[Tensor, "b k C m"]:
    """What the queries find in the candidates."""
    pairs = candidates.shape[:2]
    columns = net.key.first.columns(_in_columns(candidates))
    k = key(columns).unflatten(1, pairs)
    v = (net.output.weight @ value(columns).flatten(1)).unflatten(1, (*pairs, -1))
    attention = _scores(q, k).softmax(-1)
    return v.movedim(0, 2) @ attention.mT + net.output.bias[:, None]


def _scores(
    q: Float[Tensor, "b _ m E"], keys: Float[Tensor, "E b k T"]
) -> Float[Tensor, "b k m T"]:
    if q.shape[1] > 1:
        return q @ keys.movedim(0, 2)
    # One query for all candidates of an anchor: a single product.
    return (q[:, 0] @ keys.flatten(2).movedim(0, 1)).unflatten(2, keys.shape[2:]).transpose(1, 2)


def _in_columns(series: Float[Tensor, "b k C T"]) -> Float[Tensor, "C N T"]:
    return series.movedim(2, 0).flatten(1, 2)
