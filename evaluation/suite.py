"""Scores of subjects under protocols, with intervals and paired differences to the controls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, runtime_checkable
from typing import Protocol as Typing

from jaxtyping import Int64
from torch import Tensor

from manyviews.evaluation.features import Features
from manyviews.evaluation.intervals import bootstrap, paired

TRAINED = "trained"
WORDS = {"random": "random initialisation", "raw": "raw pixels"}


@runtime_checkable
class Protocol(Typing):
    """A named, versioned way to turn features into predictions."""

    version: int

    def __call__(
        self, train: Features, test: Features, classes: int
    ) -> dict[str, Int64[Tensor, " Q"]]:
        """Predicted labels of the test items by metric; `top1` is the headline."""
        ...


def score(
    subjects: Mapping[str, tuple[Features, Features]],
    protocols: Mapping[str, Protocol],
    classes: int,
) -> dict[str, list[dict[str, Any]]]:
    """Scores of every subject, and what the trained one gains over each control.

    Args:
        subjects: train and test features by name; "trained" and its controls.
        protocols: by name.
        classes: number of classes of the data set.
    """
    scores, differences = [], []
    for name, protocol in protocols.items():
        key = f"{name}@{protocol.version}"
        hits = {who: _hits(protocol, *pair, classes) for who, pair in subjects.items()}
        for who, by_metric in hits.items():
            for metric, hit in by_metric.items():
                row = {"protocol": key, "metric": metric, "subject": who}
                scores.append({**row, **bootstrap(hit)._asdict(), "n": len(hit)})
        for control in [who for who in subjects if who != TRAINED]:
            for metric, hit in hits[TRAINED].items():
                gain = paired(hit, hits[control][metric])
                row = {"protocol": key, "metric": metric, "subject": TRAINED, "control": control}
                differences.append({**row, **gain._asdict(), "beats": gain.low > 0})
    return {"scores": scores, "differences": differences}


def _hits(protocol: Protocol, train: Features, test: Features, classes: int) -> dict[str, Tensor]:
    """1.0 where the prediction is right, per labelled test item."""
    test = test.labelled()
    predicted = protocol(train, test, classes)
    return {metric: (guess == test.label).float() for metric, guess in predicted.items()}


def sentences(differences: list[dict[str, Any]]) -> list[str]:
    """In words, for the headline of each protocol: does the trained backbone beat the controls?"""
    said = []
    for d in differences:
        if d["metric"] == "top1":
            verb = "beats" if d["beats"] else "does not beat"
            value, low, high = (f"{100 * d[k]:+.1f}" for k in ("value", "low", "high"))
            control = WORDS.get(d["control"], d["control"])
            said.append(
                f"{d['protocol']}: {verb} {control} ({value} points, 95 % interval {low} to {high})"
            )
    return said


def fingerprint(config: Mapping[str, Any]) -> str:
    """Twelve hex digits of a protocol's config."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
