"""The data of an evaluation, with clean inputs as the evaluated backbone expects them."""

from __future__ import annotations

import copy

from manyviews import build
from manyviews.build import Data
from manyviews.datamodules.expected import Asked, resolved
from manyviews.schema import Config
from manyviews.schema.keys import Node
from manyviews.scoring.candidate import Candidate


def inputs(candidate: Candidate, node: Node, views: Node, asked: Asked) -> Data:
    """Return other data than those of the candidate's run, as its backbone reads them.

    Args:
        candidate: the backbone.
        node: config of the data.
        views: config of the views.
        asked: what the user wants instead of what the backbone expects.

    Raises:
        ConfigError: the data are of another kind, or have another number of channels.
    """
    expected = candidate.expected
    size = asked.get("size") or (None if expected is None else expected.size[0])
    config: Config = {
        "batch_size": 2,
        "trainer": {"accumulate_grad_batches": 1},
        **candidate.config,
        "data": {**node, "labels": None},
        "views": _of_size(views, size),
    }
    data = build.data(config)
    data.preprocessing = resolved(expected, data, asked, adapts=candidate.run is None)
    return data


def _of_size(views: Node, size: int | None) -> Node:
    """Return a declaration of views in which a crop without a size has this one."""
    views = copy.deepcopy(views)
    for kind in views.values():
        crop = kind.get("operations", {}).get("crop") if isinstance(kind, dict) else None
        if size is not None and isinstance(crop, dict) and crop.get("size", 0) is None:
            crop["size"] = size
    return views
