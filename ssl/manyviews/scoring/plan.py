"""What an evaluation finds in the folder of its results, and which protocols it adds."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from manyviews import build, checkpoints, panels, report
from manyviews.errors import ConfigError
from manyviews.evaluation.measures.measured import MEASURES
from manyviews.evaluation.suite import ROWS, Protocol, fingerprint, report_name
from manyviews.runs.upgrade import with_public_names

# Of report.json. Version 2: protocols name their classes as configs of format 2 do, and the
# checkpoint's sha256 is the checksum at the end of that file. Version 3: scores name their split.
FORMAT_VERSION = 3


class Plan(NamedTuple):
    """The report that an evaluation finds, and the protocols that it adds.

    Attributes:
        card: the report of these weights so far.
        protocols: protocols by their names in the report.
        described: config and hash of each, as in the report.
        fresh: the names of those that the report lacks, or has from an earlier manyviews.
        complete: True if nothing is to be done: all scores, pictures and panels, and the page.
        shown: True if all scores are there, perhaps from an earlier manyviews.
    """

    card: dict[str, Any]
    protocols: dict[str, Protocol]
    described: dict[str, dict[str, Any]]
    fresh: list[str]
    complete: bool
    shown: bool


def plan(
    file: Path,
    mark: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    measures: Collection[str] | None = None,
    checkpoint: Path | None = None,
) -> Plan:
    """Compare the protocols that are asked for with the report of these very weights.

    Args:
        file: the report.json, which need not exist yet.
        mark: what identifies the weights, see `Candidate.mark`.
        evaluation: protocols by name, as in the config; null ones are left out.
        measures: measures of predicted labels; None: the usual ones.
        checkpoint: the checkpoint file, if the weights come from one.

    Raises:
        ConfigError: a protocol or a measure is unknown, or there is none.
    """
    if strange := sorted({*(measures or ())} - {*MEASURES}):
        raise ConfigError(f"measures={strange}; allowed: {', '.join(MEASURES)}, or null")
    nodes = {name: node for name, node in evaluation.items() if node is not None}
    made = build.protocols({"evaluation": nodes})
    keys = {name: report_name(name, made[name].version, node) for name, node in nodes.items()}
    chosen = {} if measures is None else {"measures": [m for m in MEASURES if m in measures]}
    described = {
        keys[name]: {"hash": fingerprint(node), "config": node, **chosen}
        for name, node in nodes.items()
    }
    card = previous(file, mark, checkpoint)
    # Reports of earlier versions lack the validation and the predictions.
    early = card.pop("early", False)
    lacking = [key for key in described if described[key] != card["protocols"].get(key)]
    fresh = [*described] if early else lacking
    whole = report.is_whole(file.parent, mark["sha256"])
    named = {keys[name]: made[name] for name in made}
    complete = whole and not fresh and (file.parent / panels.FILE).is_file()
    return Plan(card, named, described, fresh, complete, whole and not lacking)


def previous(file: Path, mark: Mapping[str, Any], checkpoint: Path | None) -> dict[str, Any]:
    """Return the report of these very weights, or an empty one."""
    empty = {
        "format_version": FORMAT_VERSION,
        "protocols": {},
        **{part: [] for part in ROWS},
    }
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        found = _with_own_names(_upgraded(content, checkpoint))
        same = found["checkpoint"]["sha256"] == mark["sha256"]
        # A row without a protocol would raise here instead of later.
        _ = [row["protocol"] for part in ROWS for row in found.get(part, [])]
        _ = found["protocols"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return empty  # there is none, or none that can be read
    return empty | found if same else empty


def _with_own_names(found: dict[str, Any]) -> dict[str, Any]:
    """Return a report in which changed protocols have names of their own; earlier ones did not."""
    names = {}
    for key, described in found["protocols"].items():
        name, _, version = key.partition("+")[0].rpartition("@")
        names[key] = report_name(name, int(version), described["config"])
    rows = {
        part: [
            {**row, "protocol": names.get(row["protocol"], row["protocol"])} for row in found[part]
        ]
        for part in ROWS
        if part in found
    }
    protocols = {names[key]: described for key, described in found["protocols"].items()}
    return {**found, **rows, "protocols": protocols}


def _upgraded(found: dict[str, Any], checkpoint: Path | None) -> dict[str, Any]:
    """Return a report of an earlier version in today's form."""
    if found["format_version"] == 1:
        mark, protocols = found["checkpoint"], {}
        if checkpoint is not None and mark["sha256"] == checkpoints.checksum(checkpoint):
            mark = {**mark, "sha256": checkpoints.digest(checkpoint)}  # it hashed the whole file
        for key, described in found["protocols"].items():
            node = with_public_names(described["config"])
            protocols[key] = {"hash": fingerprint(node), "config": node}
        found = {**found, "checkpoint": mark, "protocols": protocols}
    if found["format_version"] < 3:
        scores = [{"split": "test", **row} for row in found["scores"]]
        found = {**found, "format_version": FORMAT_VERSION, "scores": scores, "early": True}
    return found
