"""The backbone of a run with the data that an evaluation reads."""

from __future__ import annotations

from typing import Any

from manyviews import build
from manyviews.evaluation.subject import Network
from manyviews.runs import Run
from manyviews.runs.identity import PLACES
from manyviews.schema import Config
from manyviews.scoring.candidate import of_run
from manyviews.scoring.inputs import inputs
from manyviews.scoring.subjects import extraction_device


def asked_for(composed: Config) -> dict[str, Any]:
    """Return the keys of the preprocessing that the user set."""
    return {k: v for k, v in composed["preprocessing"].items() if v is not None}


def on_own_data(run: Run, composed: Config) -> bool:
    """Return True if an evaluation reads the run's own data as the run did, wherever they lie."""
    if asked_for(composed):
        return False
    nodes = composed["data"], run.config["data"]
    if nodes[0] is None:
        return True
    first, second = ({k: v for k, v in one.items() if k not in PLACES} for one in nodes)
    return first == second


def network(run: Run, composed: Config) -> Network:
    """Return the backbone of a run and the data as an evaluation with this config reads them.

    Args:
        run: the run.
        composed: a checked config of `evaluate`.

    Raises:
        ConfigError: there is no such checkpoint, or the data cannot be read.
    """
    candidate = of_run(run, composed["ckpt"])
    if on_own_data(run, composed):
        data = build.data(run.config)
    else:
        node = composed["data"] or run.config["data"]
        data = inputs(candidate, node, run.config["views"], composed["preprocessing"])
    return Network(lambda: candidate.backbone(data).eval().to(extraction_device()), data)
