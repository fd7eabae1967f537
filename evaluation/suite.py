"""Score trained features and controls under protocols, with intervals and paired differences."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, NamedTuple, runtime_checkable
from typing import Protocol as Typing

import numpy as np
import torch
import yaml
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from manyviews.errors import ConfigError, Interrupted, NotFinite, one_line
from manyviews.evaluation.answers import Answers, Chosen, Draws, Fitted, Labels, PerItem
from manyviews.evaluation.measures.by_group import by_group
from manyviews.evaluation.measures.intervals import FEWEST_GROUPS
from manyviews.evaluation.measures.measured import cells, measured
from manyviews.evaluation.measures.values import Items, Means, Measured, Resampled
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.words import HEADLINES, METRICS, SUBJECTS, TRAINED
from manyviews.panels import Panel

log = logging.getLogger(__name__)
PACKAGE = __name__.rpartition(".")[0]

ROWS = ("scores", "differences", "subjects", "failed")  # lists of a report that protocols add to
MARGIN = "margin"  # in the predictions: see `margins`
SAME = "is not distinguishable from"  # the interval of the difference covers zero


@runtime_checkable
class Protocol(Typing):
    """A versioned way to score frozen features.

    A protocol that needs no labels has the attribute `label_free = True` and is also called if the
    data have no labels. A protocol with `needs_network = True` runs the backbone again, and is only
    called with subjects that have one. A protocol with a method `panels` shows more than scores: it
    is given the answers by the name of their subject, and returns panels.

    Attributes:
        version: part of the protocol's name in reports, such as `knn@1`.
    """

    version: int

    def __call__(self, subject: Subject) -> Answers:
        """Return the answer for the test items of a subject; all of them have labels."""
        ...


@runtime_checkable
class Trains(Typing):
    """A protocol that trains on the backbone; all ranks of a run can do this part together."""

    def fit(self, subject: Subject) -> Any:
        """Train what the answer needs; what was trained before is read again."""
        ...


class Scored(NamedTuple):
    """The result of an evaluation.

    Attributes:
        rows: lists of rows by name: `scores`, `differences` (trained minus control), `subjects` (by
            group) and `failed`.
        predictions: by protocol and measure, what the trained features gave for each test item: the
            predicted class in the smallest unsigned type that holds all classes, the `margins` of
            the scores, or a value. Evaluations of the same data are compared item by item with it.
        panels: what protocols show beside their scores; their names begin with the protocol's name
            in the report and a /.
    """

    rows: dict[str, list[dict[str, Any]]]
    predictions: dict[str, np.ndarray]
    panels: list[Panel]


def score(
    subjects: Mapping[str, Subject],
    protocols: Mapping[str, Protocol],
    *,
    measures: Collection[str] | None = None,
    groups: Sequence[str] = (),
) -> Scored:
    """Score all subjects under all protocols.

    A protocol that raises an error has a row in `failed` instead of scores, with the reason.

    Args:
        subjects: features by name: "trained" and its controls.
        protocols: protocols by their names in the report, see `report_name`.
        measures: measures of predicted labels, out of `measured.MEASURES`; None: the usual ones.
        groups: name of each group that the features number.
    """
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in ROWS}
    predictions: dict[str, np.ndarray] = {}
    panels: list[Panel] = []
    for key, protocol in protocols.items():
        try:
            with _each_note_once():  # the controls have as many items as the trained backbone
                scored = _score_one(key, subjects, protocol, measures, groups)
            for part, rows in scored.rows.items():
                found[part] += rows
            predictions |= scored.predictions
            panels += scored.panels
        except Interrupted:
            raise
        except Exception as error:  # one protocol must not take the scores of the others with it
            log.debug("protocol %s", key, exc_info=True)
            reason = one_line(f"{type(error).__name__}: {error}")
            found["failed"].append({"protocol": key, "reason": reason})
    return Scored(found, predictions, panels)


@contextmanager
def _each_note_once() -> Iterator[None]:
    """Let protocols log the same sentence only once, not for every subject."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        """Return True for a message that was not logged before."""
        before = len(said)
        said.add(record.getMessage())
        return len(said) > before

    names = [name for name in logging.root.manager.loggerDict if name.startswith(PACKAGE)]
    for name in names:
        logging.getLogger(name).addFilter(is_new)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeFilter(is_new)


def _score_one(
    key: str,
    subjects: Mapping[str, Subject],
    protocol: Protocol,
    measures: Collection[str] | None,
    groups: Sequence[str],
) -> Scored:
    """Score all subjects under one protocol."""
    known = {
        who: _labelled(subject, protocol)._replace(protocol=key)
        for who, subject in subjects.items()
        if subject.network or who == TRAINED or not getattr(protocol, "needs_network", False)
    }
    answers = {who: protocol(subject) for who, subject in known.items()}
    items = _items(known[TRAINED])
    by_metric: dict[str, dict[str, Measured]] = {}
    for who, answer in answers.items():
        for metric, value in measured(answer, items, measures).items():
            by_metric.setdefault(metric, {})[who] = value
    _check_finite(by_metric)
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in ROWS}
    for who, answer in answers.items():
        details = _details(answer)
        for metric, values in by_metric.items():
            if who not in values:
                continue
            row = {"protocol": key, "metric": metric, "subject": who, "split": "test"}
            row |= {**values[who].row(), "better": values[who].better}
            row |= _counts(getattr(values[who], "items", items))
            found["scores"].append(row | details.get(metric, {}))
        found["scores"] += _validation_rows(key, who, known[who], protocol, answer)
    for control in [who for who in known if who != TRAINED]:
        for metric, values in by_metric.items():
            gain = _difference(values.get(TRAINED), values.get(control))
            row = {"protocol": key, "metric": metric, "subject": TRAINED, "control": control}
            found["differences"] += [{**row, **g} for g in gain]
    right = {who: v.value for who, v in by_metric.get("top1", {}).items() if isinstance(v, Means)}
    if right and items.group is not None:
        rows = by_group(right, items.group, groups)
        found["subjects"] += [{"protocol": key, **row} for row in rows]
    shown = getattr(protocol, "panels", lambda _: [])(answers)
    panels = [panel._replace(name=f"{key}/{panel.name}") for panel in shown]
    return Scored(found, _predictions(key, answers[TRAINED], known[TRAINED]), panels)


def _predictions(key: str, answers: Answers, subject: Subject) -> dict[str, np.ndarray]:
    """Return what a protocol says of each test item, by protocol and measure."""
    found = {}
    for cell, answer in cells(answers):
        answer = answer.answer if isinstance(answer, Chosen | Fitted) else answer
        if isinstance(answer, Labels) and not cell:
            smallest = np.min_scalar_type(max(subject.classes - 1, 0))
            found[f"{key}/top1"] = answer.top1.cpu().numpy().astype(smallest)
            if answer.scores is not None and subject.classes > 1:
                found[f"{key}/{MARGIN}"] = margins(answer.scores, subject.test.label).numpy()
        elif isinstance(answer, PerItem):
            found[f"{key}/{answer.name}"] = answer.value.cpu().numpy().astype(np.float32)
    return found


def margins(scores: Float[Tensor, "Q M"], label: Int64[Tensor, " Q"]) -> Float32[Tensor, " Q"]:
    """Return how far the score of each item's own class lies above that of the best other class.

    The smallest, negative ones are the items that a protocol is most wrong about.
    """
    own = label[:, None].to(scores.device)
    best_other = scores.scatter(1, own, -torch.inf).amax(1)
    return (scores.gather(1, own)[:, 0] - best_other).float().cpu()


def _labelled(subject: Subject, protocol: Protocol) -> Subject:
    """Return the subject with the labelled test items only, unless the protocol needs no labels."""
    if getattr(protocol, "label_free", False):
        return subject
    return subject._replace(test=subject.test.labelled())


def _items(subject: Subject) -> Items:
    return Items(subject.test.label, subject.classes, subject.test.group)


def _counts(items: Items) -> dict[str, int]:
    """Return the number of items that were measured, and of their groups if there are any."""
    return {"n": len(items.label)} | ({"groups": items.groups} if items.groups else {})


def _details(answers: Answers) -> dict[str, dict[str, Any]]:
    """Return by metric what an answer says about how it was made."""
    found = {}
    for cell, answer in cells(answers):
        if isinstance(answer, Draws | Fitted | PerItem) and answer.details:
            name = answer.name if isinstance(answer, PerItem) else "top1"
            found[f"{name}_{cell}" if cell else name] = {"details": dict(answer.details)}
    return found


def _validation_rows(
    key: str, who: str, subject: Subject, protocol: Protocol, answer: Answers
) -> list[dict[str, Any]]:
    """Return the accuracy on the validation items, which is what may be compared and chosen by.

    A protocol that chooses a setting has it already, and one that trains has it if there is a
    validation split; others are called once more.
    """
    if who != TRAINED:
        return []
    headline = dict(cells(answer)).get("")
    more: dict[str, Any] = {}
    if isinstance(headline, Chosen):
        guess, label = headline.validation, headline.held
        more = {"setting": dict(headline.setting), "edge": headline.edge}
        more["tried"] = [dict(tried) for tried in headline.tried]
    elif isinstance(headline, Fitted):
        if headline.validation is None or headline.held is None:
            return []
        guess, label = headline.validation, headline.held
    elif isinstance(headline, Labels):
        try:
            validation = subject.on_validation()
            found = dict(cells(protocol(validation))).get("")
        except ConfigError as error:  # too few items for it: the scores on test stay
            log.info("%s: no score on validation items: %s", key, error)
            return []
        if not isinstance(found, Labels):
            return []
        guess, label = found, validation.test.label
    else:
        return []
    value = Means((guess.top1 == label).double(), Items(label, subject.classes))
    row = {"protocol": key, "metric": "top1", "subject": who, "split": "val"}
    return [{**row, **value.row(), **more, "better": "higher", "n": len(label)}]


def _difference(trained: Measured | None, control: Measured | None) -> list[dict[str, Any]]:
    """Return what the trained backbone gains over a control, if the measure has an interval.

    `beats` is None if there are too few test groups to speak of others.
    """
    if isinstance(trained, Means) and isinstance(control, Means):
        gain = trained.minus(control)
    elif isinstance(trained, Resampled) and isinstance(control, Resampled):
        gain = trained.minus(control)
    else:
        return []
    if trained.better == "lower":
        beats, worse = gain["high"] < 0, gain["low"] > 0
    else:
        beats, worse = gain["low"] > 0, gain["high"] < 0
    few = "few_groups" in gain
    return [{**gain, "beats": None if few else beats, "worse": None if few else worse}]


def _check_finite(by_metric: Mapping[str, Mapping[str, Measured]]) -> None:
    """Raise if a measure is NaN or infinite, as the agreement of one item with itself is."""
    for metric, values in by_metric.items():
        for who, value in values.items():
            if isinstance(value, Resampled) and not (
                math.isfinite(value.value) and value.drawn.isfinite().any()
            ):
                raise NotFinite(f"{metric} of {who} is not finite on these test items")


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
        if d["metric"] not in HEADLINES:
            continue
        value, low, high = (f"{100 * d[k]:+.1f}" for k in ("value", "low", "high"))
        points = "points" if d["metric"] == "top1" else f"points of {METRICS[d['metric']]}"
        control = SUBJECTS.get(d["control"], d["control"])
        found = f"{value} {points}, 95 % interval {low} to {high}"
        if d["beats"] is None:
            said.append(
                f"{d['protocol']}: {d['few_groups']} test groups are too few to speak of others "
                f"(at least {FEWEST_GROUPS}); over these items it is {found} against {control}"
            )
        else:
            worse = d.get("worse", d["high"] < 0)  # earlier reports do not say it
            verb = "beats" if d["beats"] else "is worse than" if worse else SAME
            said.append(f"{d['protocol']}: {verb} {control} ({found})")
    return said


def fingerprint(config: Mapping[str, Any]) -> str:
    """Return twelve hex digits of a hash of a protocol's config."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]
