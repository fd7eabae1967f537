"""Compare the reports of several backbones item by item."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from manyviews.evaluation.measures.values import Items, Means
from manyviews.evaluation.suite import MARGIN
from manyviews.runs import write_json
from manyviews.scoring import place
from manyviews.scoring.arrays import load_predictions

FORMAT_VERSION = 1
ITEMS = ("position", "label", "group")  # arrays of predictions.npz that are no predictions


def write(reports: list[Path], root: str) -> Path:
    """Write comparison.json: every two backbones under every protocol that both have.

    Two reports are paired if they are of the same data, by their fingerprint and by the position of
    every test item; otherwise the pair is told, without a difference.

    Args:
        reports: at least two report.json with a predictions.npz beside each.
        root: folder of comparisons.

    Returns:
        `<root>/<hash8>/comparison.json`.
    """
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in reports]
    names = _names(reports, cards)
    found = {
        "format_version": FORMAT_VERSION,
        "reports": {name: str(path.absolute()) for name, path in zip(names, reports, strict=True)},
        "scores": [
            {"name": name, **_score(row)}
            for name, card in zip(names, cards, strict=True)
            for row in card["scores"]
            if row["subject"] == "trained" and row["split"] == "test"
        ],
        "differences": [],
        "apart": [],
    }
    arrays = [load_predictions(path.with_name("predictions.npz")) for path in reports]
    for a, b in combinations(range(len(reports)), 2):
        pair = {"first": names[a], "second": names[b]}
        if reason := _apart(cards[a], cards[b], arrays[a], arrays[b]):
            found["apart"].append({**pair, "reason": reason})
            continue
        classes = len(cards[a]["data"]["classes"])
        found["differences"] += [
            {**pair, **row} for row in _differences(arrays[a], arrays[b], classes)
        ]
    file = place.of_comparison(reports, root) / "comparison.json"
    write_json(file, found)
    return file


def _names(reports: list[Path], cards: list[dict[str, Any]]) -> list[str]:
    """Return a name for each report: that of its run, with the data if they differ."""
    data = {card["data"]["name"] for card in cards}
    names = [c["run"] + (f" on {c['data']['name']}" if len(data) > 1 else "") for c in cards]
    # Two checkpoints of one run are told apart by the folder of the report.
    return [
        f"{name} ({path.parent.name})" if names.count(name) > 1 else name
        for name, path in zip(names, reports, strict=True)
    ]


def _score(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("protocol", "metric", "value", "low", "high", "n")}


def _apart(
    first: dict[str, Any], second: dict[str, Any], a: dict[str, Any], b: dict[str, Any]
) -> str:
    """Return why two reports cannot be paired, "" if they can."""
    if first["data"]["fingerprint"]["test"] != second["data"]["fingerprint"]["test"]:
        return f"other test data ({first['data']['name']} and {second['data']['name']})"
    if not a or not b:
        return "one has no predictions: an earlier manyviews wrote it; evaluate it again"
    same = np.array_equal(a["position"], b["position"]) and np.array_equal(a["label"], b["label"])
    return "" if same else "other test items"


def _differences(
    a: dict[str, np.ndarray], b: dict[str, np.ndarray], classes: int
) -> list[dict[str, Any]]:
    """Return the first minus the second for each measure that both have."""
    label = torch.from_numpy(a["label"])
    group = torch.from_numpy(a["group"]) if "group" in a else None
    every, rows = Items(label, classes, group), []
    for key in [key for key in a if key in b and key not in ITEMS]:
        protocol, _, metric = key.rpartition("/")
        if metric == MARGIN:  # its scale is the protocol's own
            continue
        known = torch.from_numpy(~(np.isnan(a[key]) | np.isnan(b[key])))
        items = every.rows(known)
        first, second = (_means(arrays[key][known.numpy()], metric, items) for arrays in (a, b))
        gain = first.minus(second)
        differ = gain["low"] > 0 or gain["high"] < 0
        row = {"protocol": protocol, "metric": metric, **gain, "n": len(items.label)}
        rows.append({**row, "differ": None if "few_groups" in gain else differ})
    return rows


def _means(array: np.ndarray, metric: str, items: Items) -> Means:
    if metric == "top1":
        return Means((torch.from_numpy(array.astype(np.int64)) == items.label).double(), items)
    return Means(torch.from_numpy(array).double(), items, share=False)
