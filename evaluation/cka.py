"""CKA between the layers of networks, over mini-batches of the same items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float64, Int64
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.module import Split
from manyviews.errors import ConfigError
from manyviews.evaluation.layers import activations
from manyviews.evaluation.measures.cka import FEWEST, cka
from manyviews.evaluation.subject import Network

BATCH = 256  # fewest items in a mini-batch, if there are as many
ITEMS = 1024  # items that are read


class Similarity(NamedTuple):
    """CKA between the layers of two networks.

    Attributes:
        first: names of the L1 layers of the first network.
        second: names of the L2 layers of the second network.
        value: float64 (L1, L2).
        items: number of items.
        batches: number of mini-batches.
    """

    first: Sequence[str]
    second: Sequence[str]
    value: Float64[Tensor, "L1 L2"]
    items: int
    batches: int


def drawn(position: Int64[Tensor, " N"], items: int, seed: int) -> Int64[Tensor, " n"]:
    """Return the positions of at most `items` items in an order that the seed determines."""
    order = draws.permutation(seed, 0, len(position), "cka items")
    return position.cpu()[order[:items]]


def within(network: Network, position: Int64[Tensor, " n"], split: Split = "test") -> Similarity:
    """Return CKA between the stages of one network and its embedding.

    Args:
        network: the backbone with its data.
        position: rows of the split, in random order.
        split: the split.

    Raises:
        ConfigError: there are fewer than four items.
    """
    return _similarity(((one, one) for one in _batches(network, position, split)), len(position))


def between(
    first: Network, second: Network, position: Int64[Tensor, " n"], split: Split = "test"
) -> Similarity:
    """Return CKA between the layers of two networks, each of which reads the items as it expects.

    Args:
        first: a backbone with its data.
        second: another one, whose data are the same items.
        position: rows of the split, in random order.
        split: the split.

    Raises:
        ConfigError: there are fewer than four items.
    """
    one, other = (_batches(network, position, split) for network in (first, second))
    return _similarity(zip(one, other, strict=True), len(position))


Layers = Mapping[str, Tensor]


def _batches(network: Network, position: Int64[Tensor, " n"], split: Split) -> Iterator[Layers]:
    """Yield the layers for each mini-batch: `BATCH` items or more, or all if there are fewer."""
    if len(position) < FEWEST:
        raise ConfigError(f"CKA reads at least {FEWEST} items; got {len(position)}")
    backbone = network.build()
    for rows in position.tensor_split(max(1, len(position) // BATCH)):
        yield activations(backbone, network.data.clean(split, rows))


def _similarity(batches: Iterator[tuple[Layers, Layers]], items: int) -> Similarity:
    """Return CKA with the names of the layers, which every batch repeats."""
    names: list[tuple[Sequence[str], Sequence[str]]] = []

    def values() -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        for first, second in batches:
            names.append(([*first], [*second]))
            yield [*first.values()], [*second.values()]

    value = cka(values())
    return Similarity(*names[0], value, items, len(names))
