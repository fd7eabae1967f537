"""Score trained features and controls under protocols, with intervals and paired differences."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, runtime_checkable
from typing import Protocol as Typing

import yaml
from jaxtyping import Int64
from torch import Tensor

from manyviews.errors import NotFinite, one_line
from manyviews.evaluation.by_person import by_person
from manyviews.evaluation.features import Features
from manyviews.evaluation.measured import Hits, Measured, Resampled, measured
from manyviews.evaluation.words import HEADLINES, METRICS, SUBJECTS, TRAINED

log = logging.getLogger(__name__)


ROWS = ("scores", "differences", "subjects", "failed")  # lists of a report that protocols add to
SAME = "is not distinguishable from"  # the interval of the difference covers zero


@runtime_checkable
class Protocol(Typing):
    """A versioned way to turn frozen features into predictions or clusters of the test items.

    Attributes:
        version: part of the protocol's name in reports, such as `knn@1`.
    """

    version: int

    def __call__(self, train: Features, test: Features, classes: int) -> dict[str, Tensor]:
        """Return predicted labels, int64 (Q,), of the test items by metric; `top1` is the headline.

        If the protocol ranks the classes, it also returns `scores`, floats (Q, M). A clustering
        protocol returns `clusters`, int64 (S, Q), for each of S seeds, and nothing else.
        """
        ...


def score(
    subjects: Mapping[str, tuple[Features, Features]],
    protocols: Mapping[str, Protocol],
    classes: int,
    *,
    further: Sequence[str] = (),
    people: tuple[Int64[Tensor, " N"], tuple[str, ...]] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows `scores`, `differences` (trained minus control) and `subjects` (by person).

    A protocol that raises an error has a row in `failed` instead, with the reason.

    Args:
        subjects: train and test features by name: "trained" and its controls.
        protocols: protocols by their names in the report, see `report_name`.
        classes: number of classes of the dataset.
        further: measures beside accuracy, out of `words.METRICS`.
        people: the person from whom each row of the test split was recorded, as an index into the
            names that follow; None if unknown.
    """
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in ROWS}
    for key, protocol in protocols.items():
        try:
            by_metric = _by_metric(subjects, protocol, classes, further)
            _check_finite(by_metric)
        except Exception as error:  # one protocol must not take the scores of the others with it
            log.debug("protocol %s", key, exc_info=True)
            reason = one_line(f"{type(error).__name__}: {error}")
            found["failed"].append({"protocol": key, "reason": reason})
            continue
        items = subjects[TRAINED][1].labelled()
        for who in subjects:
            for metric, values in by_metric.items():
                row = {"protocol": key, "metric": metric, "subject": who}
                found["scores"].append({**row, **values[who].row(), "n": len(items.label)})
        for control in [who for who in subjects if who != TRAINED]:
            for metric, values in by_metric.items():
                # Both belong to one metric, so both are Hits or both are Resampled.
                gain = values[TRAINED].minus(values[control])  # pyright: ignore[reportArgumentType]
                row = {"protocol": key, "metric": metric, "subject": TRAINED, "control": control}
                found["differences"].append({**row, **gain._asdict(), "beats": gain.low > 0})
        if people is not None and "top1" in by_metric:
            right = {who: v.right for who, v in by_metric["top1"].items() if isinstance(v, Hits)}
            rows = by_person(right, people[0][items.position], people[1])
            found["subjects"] += [{"protocol": key, **row} for row in rows]
    return found


def _check_finite(by_metric: Mapping[str, Mapping[str, Measured]]) -> None:
    """Raise if a measure is NaN or infinite, as the agreement of one item with itself is."""
    for metric, values in by_metric.items():
        for who, value in values.items():
            if isinstance(value, Resampled) and not (
                math.isfinite(value.value) and value.drawn.isfinite().any()
            ):
                raise NotFinite(f"{metric} of {who} is not finite on these test items")


def _by_metric(
    subjects: Mapping[str, tuple[Features, Features]],
    protocol: Protocol,
    classes: int,
    further: Sequence[str],
) -> dict[str, dict[str, Measured]]:
    """Return the measures of a protocol for each subject, by metric."""
    by_metric: dict[str, dict[str, Measured]] = {}
    for who, (train, test) in subjects.items():
        known = test.labelled()
        answer = protocol(train, known, classes)
        for metric, value in measured(answer, known.label, classes, further).items():
            by_metric.setdefault(metric, {})[who] = value
    return by_metric


def report_name(name: str, version: int, node: Mapping[str, Any]) -> str:
    """Return a protocol's name in reports: `knn@1`, or `knn@1+3f2a` if its numbers were changed.

    Args:
        name: its name in the config.
        version: its version.
        node: its config. If it differs from the file of that name that comes with manyviews, four
            digits of its hash are added, so that its scores are not taken for those of the file.
    """
    shipped = files("manyviews.conf").joinpath("evaluation", f"{name}.yaml")
    known = yaml.safe_load(shipped.read_text("utf-8")) if shipped.is_file() else node
    return f"{name}@{version}" + ("" if node == known else f"+{fingerprint(node)[:4]}")


def sentences(differences: list[dict[str, Any]]) -> list[str]:
    """Return a sentence per protocol and control that says if the trained backbone beats it."""
    said = []
    for d in differences:
        if d["metric"] in HEADLINES:
            verb = "beats" if d["beats"] else "is worse than" if d["high"] < 0 else SAME
            value, low, high = (f"{100 * d[k]:+.1f}" for k in ("value", "low", "high"))
            points = "points" if d["metric"] == "top1" else f"points of {METRICS[d['metric']]}"
            control = SUBJECTS.get(d["control"], d["control"])
            said.append(
                f"{d['protocol']}: {verb} {control} "
                f"({value} {points}, 95 % interval {low} to {high})"
            )
    return said


def fingerprint(config: Mapping[str, Any]) -> str:
    """Return twelve hex digits of a hash of a protocol's config."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
