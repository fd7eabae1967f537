"""Read the files of a run that the report shows; all but report.json may be missing."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from manyviews import panels
from manyviews.panels import Panel, Plot
from manyviews.report.stepwise import stepwise
from manyviews.runs.files import read_object, read_records


class RunFiles(NamedTuple):
    """The content of a run folder; a missing file gives an empty value.

    Attributes:
        card: content of report.json.
        metrics: records of metrics.jsonl in their order.
        ledger: content of ledger.json.
        environment: content of environment.json.
        config: config.yaml as text.
        gallery: arrays of gallery.npz.
        predictions: arrays of predictions.npz.
        panels: panels that the method and the protocols stored beside the report.
        stepwise: plot of the eigenvalues over training, None if they were not recorded.
    """

    card: dict[str, Any]
    metrics: list[dict[str, float]]
    ledger: dict[str, Any]
    environment: dict[str, Any]
    config: str
    gallery: Mapping[str, np.ndarray]
    predictions: Mapping[str, np.ndarray]
    panels: list[Panel]
    stepwise: Plot | None = None


def read(run: Path, folder: Path) -> RunFiles:
    """Return the files of a run folder, with the report that lies in `folder`."""
    config = run / "config.yaml"
    # Defaults for earlier reports, which had images only and lacked these keys.
    card = {
        "subjects": [],
        "failed": [],
        "unfinished": None,
        "backbone": None,
        "preprocessing": None,
        "named": {},
        **json.loads((folder / "report.json").read_text("utf-8")),
    }
    card["data"] = {"items": "images", **card["data"]}
    return RunFiles(
        card=card,
        metrics=_records(run / "metrics.jsonl"),
        ledger=_json(run / "ledger.json"),
        environment=_json(run / "environment.json"),
        config=config.read_text("utf-8") if config.is_file() else "",
        gallery=_arrays(folder / "gallery.npz"),
        predictions=_arrays(folder / "predictions.npz"),
        panels=panels.load(folder / panels.FILE),
        stepwise=stepwise(run),
    )


def _json(path: Path) -> dict[str, Any]:
    return read_object(path) or {}


def _records(path: Path) -> list[dict[str, float]]:
    """Return the records of all whole lines; a killed process may leave the last one incomplete."""
    return [record for record in read_records(path) if "step" in record]


def gallery_is_whole(path: Path) -> bool:
    """Return True if every array of a gallery.npz can be read."""
    try:
        return bool(_arrays(path))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return False


def _arrays(path: Path) -> Mapping[str, np.ndarray]:
    if not path.is_file():
        return {}
    # Opened here: np.load would leave a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
