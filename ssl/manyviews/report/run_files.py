"""What the report reads; every file but report.json may be missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class RunFiles(NamedTuple):
    """The content of a run folder; empty where a file is missing.

    Attributes:
        card: report.json.
        metrics: records of metrics.jsonl in their order.
        ledger: ledger.json.
        environment: environment.json.
        config: config.yaml as text.
        gallery: arrays of gallery.npz.
    """

    card: dict[str, Any]
    metrics: list[dict[str, float]]
    ledger: dict[str, Any]
    environment: dict[str, Any]
    config: str
    gallery: Mapping[str, np.ndarray]


def read(run: Path, folder: Path) -> RunFiles:
    """Read a run folder, and the report that lies in `folder`."""
    config = run / "config.yaml"
    # What reports of images did not have before there were reports of series.
    card = {"subjects": [], **json.loads((folder / "report.json").read_text())}
    card["data"] = {"items": "images", **card["data"]}
    return RunFiles(
        card=card,
        metrics=_records(run / "metrics.jsonl"),
        ledger=_json(run / "ledger.json"),
        environment=_json(run / "environment.json"),
        config=config.read_text() if config.is_file() else "",
        gallery=_arrays(folder / "gallery.npz"),
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _records(path: Path) -> list[dict[str, float]]:
    """Whole lines; the last one is torn where the process was killed."""
    records = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _arrays(path: Path) -> Mapping[str, np.ndarray]:
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
