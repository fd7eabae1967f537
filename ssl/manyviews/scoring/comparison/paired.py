"""Two reports compared item by item: differences of scores, and disagreement of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from manyviews.evaluation.measures.values import Items, Means
from manyviews.evaluation.suite import MARGIN

ITEMS = ("position", "label", "group")  # arrays of predictions.npz that are no predictions
Arrays = Mapping[str, np.ndarray]


def reason_apart(first: dict[str, Any], second: dict[str, Any], a: Arrays, b: Arrays) -> str:
    """Return why two reports cannot be paired, "" if they can.

    Args:
        first: the content of a report.json.
        second: that of another one.
        a: the predictions of the first.
        b: the predictions of the second.
    """
    if first["data"]["fingerprint"]["test"] != second["data"]["fingerprint"]["test"]:
        return f"other test data ({first['data']['name']} and {second['data']['name']})"
    if not a or not b:
        return "one has no predictions: an earlier manyviews wrote it; evaluate it again"
    same = np.array_equal(a["position"], b["position"]) and np.array_equal(a["label"], b["label"])
    return "" if same else "other test items"


def differences(a: Arrays, b: Arrays, classes: int) -> list[dict[str, Any]]:
    """Return the first minus the second for each measure that both have, with its interval."""
    label = torch.from_numpy(a["label"])
    group = torch.from_numpy(a["group"]) if "group" in a else None
    every, rows = Items(label, classes, group), []
    for key in _in_both(a, b):
        protocol, _, metric = key.rpartition("/")
        known = torch.from_numpy(~(np.isnan(a[key]) | np.isnan(b[key])))
        items = every.rows(known)
        first, second = (_means(arrays[key][known.numpy()], metric, items) for arrays in (a, b))
        gain = first.minus(second)
        differ = gain["low"] > 0 or gain["high"] < 0
        row = {"protocol": protocol, "metric": metric, **gain, "n": len(items.label)}
        rows.append({**row, "differ": None if "few_groups" in gain else differ})
    return rows


def disagreements(a: Arrays, b: Arrays) -> list[dict[str, Any]]:
    """Return for each protocol the share of items with other predictions, and both error rates.

    Two trainings of one recipe disagree on about as many items as each of them gets wrong, if their
    ensemble is calibrated: Jiang, Nagarajan, Baek, Kolter, "Assessing Generalization of SGD via
    Disagreement", 2022, arXiv 2106.13799.
    """
    return [
        {
            "protocol": key.rpartition("/")[0],
            "share": float(np.mean(a[key] != b[key])),
            "errors": [float(np.mean(arrays[key] != a["label"])) for arrays in (a, b)],
            "n": len(a["label"]),
        }
        for key in _in_both(a, b)
        if key.endswith("/top1")
    ]


def _in_both(a: Arrays, b: Arrays) -> list[str]:
    """Return what both predict; margins are left out, because each protocol has its own scale."""
    return [k for k in a if k in b and k not in ITEMS and not k.endswith(f"/{MARGIN}")]


def _means(array: np.ndarray, metric: str, items: Items) -> Means:
    if metric == "top1":
        return Means((torch.from_numpy(array.astype(np.int64)) == items.label).double(), items)
    return Means(torch.from_numpy(array).double(), items, share=False)
