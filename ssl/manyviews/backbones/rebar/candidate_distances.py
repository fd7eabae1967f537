"""REBAR's distances from many anchors to many candidates, evaluated at once.

The distance of candidate k from anchor b is the squared error of the anchor's missing steps M, when
`CrossAttention.reconstruct` rebuilds them from the candidate:

    d[k, b] = sum over channels c and steps t in M of (rebuilt[b, k, c, t] - anchor[b, c, t])^2
    rebuilt = inverse_norm(W softmax(q^T k / sqrt(E)) v + bias)        W, bias: the output layer

Here are the shapes, with m = |M| missing steps:

    anchor       (B, 1, C, T)   query net, steps of M only   q  (B, 1 or K, m, E) --+
    candidates   (B, K, C, T)   key net                      k  (E, B, K, T) -------+
                                                                                    |
                                softmax(q^T k / sqrt(E))     attention (B, K, m, T) +
    candidates   (B, K, C, T)   value net, then W            v  (B, K, C, T) -------+
                                                                                    |
                                v attention^T, inverse norm  rebuilt   (B, K, C, m) +
    anchor       (B, 1, C, T)   steps of M only              wanted    (B, K, C, m) +
                                                                                    |
                                sum of squares over C and m  distances (B, K) ------+

The result equals one `reconstruct` per pair, but needs less work, for three reasons:
1. If all candidates of an anchor share a mask, its query is computed once and not K times; and
   attention is computed for the m missing steps alone.
2. W is applied before the attention: W (v a) = (W v) a, and W v has C channels instead of E.
3. As many pairs as fit in a few megabytes go through each product together.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from manyviews.backbones.rebar.channels_first import forward_columns
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.backbones.rebar.dilated_net import DilatedNet
from manyviews.backbones.rebar.reversible_norm import Statistics

CPU_LIMIT, GPU_LIMIT = 2**23, 2**28  # bytes of one map of activations: 8 MiB fit in a CPU's cache
Block = tuple[slice, slice]  # rows (anchors) and columns (candidates) of the pairs worked on


@torch.no_grad()
def distances(
    net: CrossAttention,
    anchor: Float[Tensor, "B C T"],
    candidates: Float[Tensor, "K B C T"],
    observed: Bool[Tensor, "*mask T"],
    *,
    missing: int,
    limit: int | None = None,
) -> Float[Tensor, "K B"]:
    """Return d[k, b], the squared error of the missing steps of anchor b rebuilt from candidate k.

    Autocast is switched off inside: rounding to half precision may be larger than the difference
    between two candidates.

    Args:
        net: the trained measure; its dropout is never applied here.
        anchor: one window per row.
        candidates: the K candidates of each anchor.
        observed: True at the steps that the query may see; broadcasts against (K, B, T): one mask
            (T,), one per anchor (B, T) or one per candidate (K, 1, T).
        missing: number of steps that are False in each mask, the same in all.
        limit: bytes of one map of activations, which bounds how many pairs are worked on at once;
            None: 8 MiB on a CPU, 256 MiB elsewhere.
    """
    masks = observed[(None,) * (3 - observed.ndim)]
    device = anchor.device.type
    if limit is None:
        limit = CPU_LIMIT if device == "cpu" else GPU_LIMIT
    with torch.autocast(device, enabled=False):
        return _distances(
            net, anchor[:, None], candidates.transpose(0, 1), masks.transpose(0, 1), missing, limit
        ).mT


def _distances(
    net: CrossAttention,
    anchor: Float[Tensor, "B 1 C T"],
    candidates: Float[Tensor, "B K C T"],
    masks: Bool[Tensor, "#B #K T"],
    missing: int,
    limit: int,
) -> Float[Tensor, "B K"]:
    """Return the distances with the anchors first, so that a block of pairs is a slice."""
    rows, count = candidates.shape[:2]
    of_anchor, of_candidate = net.statistics(anchor, masks, candidates)
    normed_anchor, normed = net.norm(anchor, of_anchor), net.norm(candidates, of_candidate)
    one_query = normed_anchor.shape[1] == masks.shape[1] == 1  # for all candidates of an anchor
    # A stable sort of False before True puts the missing steps first, in the order of time.
    position = masks.int().argsort(dim=-1, stable=True)[..., :missing]
    normed_anchor, masks, position, mean, std = (
        x.expand(rows, count, *x.shape[2:]) for x in (normed_anchor, masks, position, *of_anchor)
    )
    wanted = torch.take_along_dim(anchor, position[:, :, None], -1)

    def query(p: Block) -> Float[Tensor, "b k m E"]:
        """Return the queries of a block of pairs."""
        return _queries(net.query, normed_anchor[p], masks[p], position[p])

    # The widest maps of a pair are (E, T) in the nets and (m, T) in the attention.
    at_once = limit // (anchor[0, 0, 0].nbytes * max(net.embedding_dim, missing))
    q = torch.cat([query(p) for p in _blocks(rows, 1, at_once)]) if one_query else None
    distance = anchor.new_empty(rows, count)
    for b, k in _blocks(rows, count, at_once):
        rebuilt = _attend(net, query((b, k)) if q is None else q[b], normed[b, k])
        rebuilt = net.norm.inverse(rebuilt, Statistics(mean[b, k], std[b, k]))
        distance[b, k] = (rebuilt - wanted[b, k]).square().sum((2, 3))
    return distance


def _blocks(anchors: int, candidates: int, at_once: int) -> list[Block]:
    """Split all pairs into blocks; several anchors share one only if all their candidates fit."""
    rows, columns = _slices(anchors, at_once // candidates), _slices(candidates, at_once)
    return [(b, k) for b in rows for k in columns]


def _slices(count: int, size: int) -> list[slice]:
    """Split range(count) into slices of nearly equal length, at most `size` (and at least 1)."""
    pieces = -(-count // max(1, size))
    ends = [i * count // pieces for i in range(pieces + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def _queries(
    net: DilatedNet,
    anchor: Float[Tensor, "b k C T"],
    masks: Bool[Tensor, "b k T"],
    position: Int64[Tensor, "b k m"],
) -> Float[Tensor, "b k m E"]:
    """Return q / sqrt(E) at the missing steps; the net runs on whole windows, as it must."""
    columns = net.first.columns(_channels_first(anchor), masks.flatten(0, 1))
    q = forward_columns(net, columns).unflatten(1, position.shape[:2])
    return torch.take_along_dim(q, position[None], -1).movedim(0, -1) / len(q) ** 0.5


def _attend(
    net: CrossAttention, q: Float[Tensor, "b _ m E"], candidates: Float[Tensor, "b k C T"]
) -> Float[Tensor, "b k C m"]:
    """Return W softmax(q^T k / sqrt(E)) v + bias: the missing steps, still normalised."""
    pairs = candidates.shape[:2]
    # Key and value nets have one kernel size, so both start from the same columns.
    columns = net.key.first.columns(_channels_first(candidates))
    k = forward_columns(net.key, columns).unflatten(1, pairs)
    v = net.output.weight @ forward_columns(net.value, columns).flatten(1)
    attention = _scores(q, k).softmax(-1)
    return v.unflatten(1, (*pairs, -1)).movedim(0, 2) @ attention.mT + net.output.bias[:, None]


def _scores(
    q: Float[Tensor, "b _ m E"], keys: Float[Tensor, "E b k T"]
) -> Float[Tensor, "b k m T"]:
    """Return the product of every query with the keys of all steps of its candidate."""
    if q.shape[1] > 1:
        return q @ keys.movedim(0, 2)
    # One query for all candidates of an anchor: a single product.
    return (q[:, 0] @ keys.flatten(2).movedim(0, 1)).unflatten(2, keys.shape[2:]).transpose(1, 2)


def _channels_first(series: Float[Tensor, "b k C T"]) -> Float[Tensor, "C N T"]:
    """Return the series of all pairs with their channels first."""
    return series.movedim(2, 0).flatten(1, 2)
