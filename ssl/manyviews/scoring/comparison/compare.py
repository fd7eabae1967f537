"""Compare several reports: every figure that the terminal, the page and dashboards show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from manyviews import panels, report
from manyviews.config.differences import differences_of_several
from manyviews.runs import Run, write_json
from manyviews.runs.curves import curves
from manyviews.runs.files import read_object
from manyviews.scoring import place
from manyviews.scoring.arrays import load_predictions
from manyviews.scoring.comparison import layer_similarity, paired
from manyviews.scoring.comparison.layer_similarity import MakesNetwork
from manyviews.scoring.comparison.panels import comparison_panels

FORMAT_VERSION = 2  # 2: disagreements, settings, curves and CKA


def write(
    reports: Sequence[Path],
    runs: Sequence[Run],
    root: str,
    networks: Sequence[MakesNetwork] | None = None,
) -> Path:
    """Write comparison.json, its panels as panels.npz and its page index.html into one folder.

    Args:
        reports: at least two report.json with a predictions.npz and a gallery.npz beside each.
        runs: the run of each report.
        root: folder of comparisons.
        networks: for each report, makes its backbone with the data, for CKA between every two
            backbones; None: only CKA that is in the folder already is shown.

    Returns:
        `<root>/<hash8>/comparison.json`.
    """
    file = place.of_comparison([*reports], root) / "comparison.json"
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in reports]
    names = _names(reports, cards)
    known = (read_object(file) or {}).get("cka", [])
    found = {
        "format_version": FORMAT_VERSION,
        "reports": _by(names, [str(path.absolute()) for path in reports]),
        **figures(_by(names, cards), _by(names, [*map(_predictions, reports)]), _by(names, runs)),
        "cka": layer_similarity.similarities(_by(names, cards), _by(names, networks or ()), known),
    }
    write_json(file, found)
    galleries = [load_predictions(path.with_name("gallery.npz")) for path in reports]
    shown = comparison_panels(found, _by(names, cards), _by(names, galleries))
    panels.save(file.with_name(panels.FILE), shown)
    report.write_panels(
        file.with_name("index.html"), f"Comparison of {len(names)} backbones", shown
    )
    return file


def figures(
    cards: Mapping[str, dict[str, Any]],
    predictions: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Run],
) -> dict[str, Any]:
    """Return the figures of a comparison that need neither data nor backbones.

    Two reports are paired if they are of the same data, by their fingerprint and by the position of
    every test item; otherwise the pair is told, without a difference.

    Args:
        cards: by name, the content of each report.json.
        predictions: by name, the arrays of its predictions.npz.
        runs: by name, its run.

    Returns:
        `scores` (of the trained backbones on test items), `differences` and `disagreements` of
        every two, `apart` (pairs without them, with the reason), `settings` (each key that differs,
        with its value by name) and `curves` (metric, name, then `step` and `value`).
    """
    found: dict[str, Any] = {
        "scores": [
            {"name": name, **_score(row)}
            for name, card in cards.items()
            for row in card["scores"]
            if row["subject"] == "trained" and row["split"] == "test"
        ],
        "differences": [],
        "disagreements": [],
        "apart": [],
    }
    for first, second in combinations(cards, 2):
        pair = {"first": first, "second": second}
        one, other = cards[first], cards[second]
        a, b = predictions[first], predictions[second]
        if reason := paired.reason_apart(one, other, a, b):
            found["apart"].append({**pair, "reason": reason})
            continue
        gains = paired.differences(a, b, len(one["data"]["classes"]))
        found["differences"] += [{**pair, **row} for row in gains]
        found["disagreements"] += [{**pair, **row} for row in paired.disagreements(a, b)]
    once = _each_run_once(runs)
    return {**found, "settings": _settings(once), "curves": _curves(once)}


def _predictions(report: Path) -> Mapping[str, Any]:
    return load_predictions(report.with_name("predictions.npz"))


def _by(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Return values by name; there may be none at all."""
    return dict(zip(names, values, strict=True)) if values else {}


def _each_run_once(runs: Mapping[str, Run]) -> dict[str, Run]:
    """Return each run under the name of its first report; it may have several, on several data."""
    first: dict[Path, str] = {}
    for name, run in runs.items():
        first.setdefault(run.path, name)
    return {name: runs[name] for name in first.values()}


def _settings(runs: Mapping[str, Run]) -> dict[str, dict[str, str]]:
    """Return each key in which the configs differ, with its value in each run."""
    if len(runs) < 2:
        return {}
    found = differences_of_several([run.config for run in runs.values()])
    return {key: _by([*runs], values) for key, values in found.items()}


def _curves(runs: Mapping[str, Run]) -> dict[str, dict[str, Any]]:
    """Return by metric and name the curves that at least two runs have."""
    found: dict[str, dict[str, Any]] = {}
    for name, run in runs.items():
        for metric, curve in curves(run.path).items():
            found.setdefault(metric, {})[name] = curve._asdict()
    return {metric: lines for metric, lines in found.items() if len(lines) > 1}


def _names(reports: Sequence[Path], cards: list[dict[str, Any]]) -> list[str]:
    """Return a name for each report: that of its run, with the data if they differ."""
    data = {card["data"]["name"] for card in cards}
    names = [c["run"] + (f" on {c['data']['name']}" if len(data) > 1 else "") for c in cards]
    # Two checkpoints of one run are told apart by the folder of the report, and so are two runs of
    # one name in different places.
    for folder in ([path.parent.name for path in reports], [str(path.parent) for path in reports]):
        names = [
            f"{name} ({where})" if names.count(name) > 1 else name
            for name, where in zip(names, folder, strict=True)
        ]
    return names


def _score(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("protocol", "metric", "value", "low", "high", "n")}
