"""Where the results of an evaluation lie: found again by the same command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manyviews.runs.identity import PLACES
from manyviews.scoring.candidate import Candidate


def of_transfer(
    candidate: Candidate, name: str, node: Mapping[str, Any], asked: Mapping[str, Any], root: str
) -> Path:
    """Return the folder of an evaluation on other data, or without a run.

    It is `RUN/evaluations/<data>-<hash8>`, or `<root>/<backbone>-<data>-<hash8>` without a run. The
    hash covers the weights, the data's config and what was asked for of the preprocessing, but not
    the protocols: their scores gather in one report.

    Args:
        candidate: the backbone.
        name: name of the data set, as in `data=<name>`.
        node: config of the data.
        asked: keys of `preprocessing` that are not null.
        root: folder of evaluations without a run.
    """
    defining = {key: value for key, value in node.items() if key not in PLACES}
    content = json.dumps([candidate.identity, defining, dict(asked)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    if candidate.run is not None:
        return candidate.run.path / "evaluations" / f"{name}-{digest}"
    return Path(root) / f"{candidate.name.replace('/', '_')}-{name}-{digest}"


def of_comparison(reports: list[Path], root: str) -> Path:
    """Return the folder of a comparison of several reports."""
    digest = hashlib.sha256("\n".join(str(path.absolute()) for path in reports).encode())
    return Path(root) / digest.hexdigest()[:8]
