"""CKA between the layers of every two compared backbones, computed once per pair of checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from manyviews.errors import ConfigError
from manyviews.evaluation import cka
from manyviews.evaluation.subject import Network

MakesNetwork = Callable[[], Network]


def similarities(
    cards: Mapping[str, dict[str, Any]],
    networks: Mapping[str, MakesNetwork],
    known: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return CKA between the layers of every two backbones on the same test items.

    Args:
        cards: by name, the content of each report.json.
        networks: by name, makes the backbone with its data; without it only known values are given.
        known: what this function returned before; taken for the same checkpoints and data.

    Returns:
        Rows with `first`, `second`, `of` (what identifies weights and data) and either `layers`
        (two lists of names), `values` (a list of lists, null where a layer is collapsed), `items`
        and `batches`, or `reason` if the data or a checkpoint cannot be read.
    """
    before = {str(row["of"]): row for row in known if "values" in row}
    rows = []
    for first, second in combinations(cards, 2):
        data = [cards[name]["data"]["fingerprint"]["test"] for name in (first, second)]
        if data[0] != data[1]:
            continue
        of = [*(cards[name]["checkpoint"]["sha256"] for name in (first, second)), data[0]]
        pair = {"first": first, "second": second, "of": of}
        if str(of) in before:
            rows.append({**before[str(of)], **pair})
        elif first in networks and second in networks:
            rows.append({**pair, **_computed(networks[first], networks[second])})
    return rows


def _computed(first: MakesNetwork, second: MakesNetwork) -> dict[str, Any]:
    """Return the values of a pair, or why there are none."""
    try:
        one, other = first(), second()
        position = cka.drawn(one.data.probed("test"), cka.ITEMS, seed=0)
        found = cka.between(one, other, position)
    except ConfigError as error:  # the other figures of the comparison need no data
        return {"reason": str(error)}
    return {
        "layers": [[*found.first], [*found.second]],
        "values": [[None if math.isnan(v) else v for v in row] for row in found.value.tolist()],
        "items": found.items,
        "batches": found.batches,
    }
