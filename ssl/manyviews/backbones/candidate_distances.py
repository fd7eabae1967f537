"""REBAR's distances from many anchors to many candidates at once.

Equal to a reconstruction of every pair, but: a query is made once per anchor, of the steps that are
scored; values shrink to C channels before the attention meets them; convolutions are products of
matrices, on as many pairs at once as the cache holds.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.nn.channels_first import ChannelsFirst
from manyviews.nn.reversible_norm import Statistics

if TYPE_CHECKING:
    from manyviews.backbones.cross_attention import CrossAttention

Pairs = tuple[slice, slice]  # of candidates and anchors


def distances(
    net: CrossAttention,
    anchor: Float[Tensor, "B C T"],
    candidates: Float[Tensor, "K B C T"],
    masks: Bool[Tensor, "#K #B T"],
    missing: int,
    limit: int,
) -> Float[Tensor, "K B"]:
    """See `CrossAttention.distances`."""
    pairs, steps = candidates.shape[:2], anchor.shape[-1]
    query, key, value = (ChannelsFirst(n, steps) for n in (net.query, net.key, net.value))
    of_anchor, of_candidate = net.statistics(anchor[None], masks, candidates)
    asking, given = net.norm(anchor, of_anchor), net.norm(candidates, of_candidate)
    one_query = len(asking) == len(masks) == 1  # for all candidates of an anchor
    position = masks.int().argsort(dim=-1, stable=True)[..., :missing]
    asking, masks, position, mean, std = (
        x.expand(*pairs, *x.shape[2:]) for x in (asking, masks, position, *of_anchor)
    )
    wanted = torch.take_along_dim(anchor[None], position[:, :, None], -1)

    def ask(p: Pairs) -> Float[Tensor, "k b m E"]:
        return _queries(query, asking[p], masks[p], position[p])

    at_once = limit // (anchor[0, 0].nbytes * max(net.embedding_dim, missing))
    asked = [ask((slice(1), b)) for b in _slices(pairs[1], at_once)] if one_query else []
    q = torch.cat(asked, 1) if one_query else None
    found = anchor.new_empty(pairs)
    for b in _slices(pairs[1], at_once // pairs[0]):
        for k in _slices(pairs[0], at_once):
            p = k, b
            rebuilt = _attended(net, key, value, ask(p) if q is None else q[:, b], given[p])
            rebuilt = net.norm.inverse(rebuilt, Statistics(mean[p], std[p]))
            found[p] = (rebuilt - wanted[p]).square().sum((2, 3))
    return found


def _slices(count: int, size: int) -> list[slice]:
    """Of nearly equal size, at most the given one."""
    pieces = -(-count // max(1, size))
    ends = [i * count // pieces for i in range(pieces + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def _queries(
    query: ChannelsFirst,
    anchor: Float[Tensor, "k b C T"],
    masks: Bool[Tensor, "k b T"],
    position: Int64[Tensor, "k b m"],
) -> Float[Tensor, "k b m E"]:
    """Of the steps to be scored, divided by the root of their width."""
    q = query(_in_columns(anchor), masks.flatten(0, 1)).unflatten(1, position.shape[:2])
    return torch.take_along_dim(q, position[None], -1).movedim(0, -1) / len(q) ** 0.5


def _attended(
    net: CrossAttention,
    key: ChannelsFirst,
    value: ChannelsFirst,
    q: Float[Tensor, "#k b m E"],
    candidates: Float[Tensor, "k b C T"],
) -> Float[Tensor, "k b C m"]:
    """What the queries find in the candidates."""
    columns, pairs = _in_columns(candidates), candidates.shape[:2]
    k = key(columns).unflatten(1, pairs).movedim(0, 2)
    v = value(columns).flatten(1)
    v = (net.output.weight @ v).unflatten(1, (*pairs, -1)).movedim(0, 2)
    return v @ (q @ k).softmax(-1).mT + net.output.bias[:, None]


def _in_columns(series: Float[Tensor, "k b C T"]) -> Float[Tensor, "C N T"]:
    return series.movedim(2, 0).flatten(1, 2)
