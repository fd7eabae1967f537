"""Similarity maps: which positions of two inputs make their embeddings similar.

Stylianou, Souvenir, Pless: "Visualizing Deep Similarity Networks", 2019, arXiv 1901.00536. An
embedding that is pooled over the positions of a feature map is a sum of one part per position, so
the cosine of two embeddings is a sum over positions, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from manyviews.datamodules.module import Split, ViewData
from manyviews.evaluation.layers import feature_maps
from manyviews.evaluation.subject import Network

TOLERANCE = 1e-4  # deviation from the embedding, as a share of its largest number


class NoMaps(ValueError):
    """The embedding is not pooled over a feature map; the message says what is known of it."""


def similarity_map(
    first: Float[Tensor, "*B D P"], second: Float[Tensor, "*B D Q"]
) -> Float[Tensor, "*B P"]:
    """Return sum_d a_pd b_d / (|a| |b|) for each position p; the sum over p is cos(a, b).

    a and b are the embeddings, the sums of the parts over all positions.

    Args:
        first: parts of the inputs whose positions are asked about.
        second: parts of the inputs that they are compared with.
    """
    a, b = first.sum(-1), second.sum(-1)
    length = (a.norm(dim=-1) * b.norm(dim=-1)).clamp(min=1e-12)
    return (b[..., None, :] @ first)[..., 0, :] / length[..., None]


def parts_of_mean(last: Float[Tensor, "B D *size"]) -> Float[Tensor, "B D *size"]:
    """Return a_p / P, whose sum over the P positions is the mean."""
    return last / last[0, 0].numel()


def parts_of_maximum(last: Float[Tensor, "B D *size"]) -> Float[Tensor, "B D *size"]:
    """Return the maximum of each channel at the position where it is, 0 elsewhere.

    Positions that share a maximum have equal parts of it.
    """
    flat = last.flatten(2)
    there = (flat == flat.amax(2, keepdim=True)).to(last.dtype)
    return (flat * there / there.sum(2, keepdim=True)).reshape(last.shape)


@torch.no_grad()
def parts(backbone: nn.Module, view: Float[Tensor, "B C *size"]) -> Float[Tensor, "B D *_"]:
    """Return the embeddings of a backbone as sums over the positions of its last feature map.

    Whether they are the mean or the maximum over these is seen on the inputs themselves.

    Args:
        backbone: a module in evaluation mode, from inputs to embeddings (B, D).
        view: inputs as the backbone reads them.

    Returns:
        One part per position; the sum over the positions is the embedding.

    Raises:
        NoMaps: the embedding is something else.
    """
    embedding, maps = backbone(view), feature_maps(backbone, view)
    if not maps:
        raise NoMaps("this backbone has no feature maps")
    for one in maps:  # the finest that fits: some models also give the map that is pooled already
        for pooled in (parts_of_mean, parts_of_maximum):
            if one.shape[:2] == embedding.shape and _adds_up(part := pooled(one), embedding):
                return part
    if maps[-1].shape[1] != embedding.shape[1]:
        raise NoMaps(
            f"the last feature map has {maps[-1].shape[1]} channels and the embedding "
            f"{embedding.shape[1]} numbers: layers follow the map"
        )
    raise NoMaps(
        "the embedding is neither the mean nor the maximum over the positions of the last feature "
        "map: it comes from a class token, weighted positions, or a norm after the map"
    )


def _adds_up(part: Float[Tensor, "B D *size"], embedding: Float[Tensor, "B D"]) -> bool:
    """Return True if the sum over the positions is the embedding."""
    deviation = (part.flatten(2).sum(2) - embedding).abs().max()
    return bool(deviation <= TOLERANCE * embedding.abs().max())


def of_neighbours(
    network: Network | None, query: Int64[Tensor, " Q"], neighbour: Int64[Tensor, "Q k"]
) -> dict[str, np.ndarray]:
    """Return the maps between test items and training items, as arrays of gallery.npz.

    Args:
        network: the backbone with its data; None if the features are not those of a backbone.
        query: positions of test items.
        neighbour: positions of the training items beside each of them.

    Returns:
        `query_map` and `neighbour_map`, float32 (Q, k, *size), of which each map sums to the cosine
        of its pair; or `map_reason`, a text of shape () that says why there are none.
    """
    if network is None:
        return {"map_reason": np.array("these features are not those of a backbone")}
    backbone, data = network.build(), network.data
    try:
        a = _of_rows(backbone, data, "test", query)
        b = _of_rows(backbone, data, "train", neighbour.flatten())
    except NoMaps as error:
        return {"map_reason": np.array(str(error))}
    pairs, size = neighbour.shape, a.shape[2:]
    first = a.flatten(2)[:, None].expand(-1, pairs[1], -1, -1)
    second = b.flatten(2).unflatten(0, pairs)
    return {
        "query_map": similarity_map(first, second).reshape(*pairs, *size).numpy(),
        "neighbour_map": similarity_map(second, first).reshape(*pairs, *size).numpy(),
    }


def _of_rows(
    backbone: nn.Module, data: ViewData[Any, Any], split: Split, rows: Int64[Tensor, " N"]
) -> Float[Tensor, "N D *_"]:
    """Return the parts of these rows on the CPU."""
    weight = next(backbone.parameters(), torch.zeros(()))
    return torch.cat(
        [parts(backbone, s.input.to(weight)).float().cpu() for s in data.clean(split, rows)]
    )
