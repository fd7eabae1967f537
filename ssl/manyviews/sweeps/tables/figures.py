"""The figures of a table: read from finished runs, and compared with what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from manyviews.evaluation.words import TRAINED, scale, score_name
from manyviews.runs import status
from manyviews.runs.files import METRICS, read_object, read_records
from manyviews.sweeps.tables.files import Table


class Score(NamedTuple):
    """A score of a run, in percent if it is a share.

    Attributes:
        value: of the trained network.
        controls: value of each control that was scored.
        gains: by control the paired difference to it: value, lower and upper end of its 95 %
            interval; those that were not paired are missing.
    """

    value: float
    controls: dict[str, float] = {}  # noqa: RUF012  (a tuple's default is never changed)
    gains: dict[str, tuple[float, float, float]] = {}  # noqa: RUF012


class Measured(NamedTuple):
    """The figures of a finished run.

    Attributes:
        row: name of its row.
        seed: seed of weights, order and views.
        path: its folder.
        scores: by title of the column; a score that the run does not have is missing.
        others: by title of the column, a protocol of the run that has another version than the
            column's, such as "knn@2".
        epochs: epochs that were trained.
        processor: processor seconds of training and evaluation.
        environment: content of its environment.json.
        protocols: hash of each protocol's config.
    """

    row: str
    seed: int
    path: Path
    scores: dict[str, Score]
    others: dict[str, str]
    epochs: int
    processor: float
    environment: dict[str, Any]
    protocols: dict[str, str]


class Verdict(NamedTuple):
    """An expected figure, and what was found.

    Attributes:
        row: name of the row.
        column: title of the column.
        found: mean over the seeds, in percent; None if it was not measured.
        seeds: how many were measured.
        expected: the published figure.
        within: percentage points that it may lie apart.
        source: who published it.
        said: "yes", or what is wrong.
        out: True if the figure lies outside.
    """

    row: str
    column: str
    found: float | None
    seeds: int
    expected: float
    within: float
    source: str
    said: str
    out: bool


def read(table: Table, row: str, seed: int, path: Path) -> Measured | None:
    """Return the figures of a run; None if it is not finished."""
    known, card = status.read(path), read_object(path / "report" / "report.json")
    if known is None or known.state != "finished" or card is None:
        return None
    scores, others = {}, {}
    names = set(card["protocols"])
    for title, name in table.columns.items():
        made = _score(card, name) if name.startswith(("eval/", "val/")) else _trained(path, name)
        if made is not None:
            scores[title] = made
        elif other := _other_version(name, names):
            others[title] = other
    return Measured(
        row,
        seed,
        path,
        scores,
        others,
        known.epochs,
        known.processor,
        read_object(path / "environment.json") or {},
        {protocol: one["hash"] for protocol, one in card["protocols"].items()},
    )


def _score(card: Mapping[str, Any], name: str) -> Score | None:
    """Return a score of a report by its name, such as `eval/knn@1/top1`."""
    factor = scale(name)[0]
    values = {r["subject"]: factor * r["value"] for r in card["scores"] if score_name(r) == name}
    if TRAINED not in values:
        return None
    gains = {
        r["control"]: (factor * r["value"], factor * r["low"], factor * r["high"])
        for r in card["differences"]
        if score_name(r) == name
    }
    return Score(values.pop(TRAINED), values, gains)


def _trained(path: Path, name: str) -> Score | None:
    """Return the mean of a metric of the training over all its records."""
    values = [one[name] for one in read_records(path / METRICS, holding=name) if name in one]
    return Score(scale(name)[0] * mean(values)) if values else None


def _other_version(name: str, protocols: set[str]) -> str | None:
    """Return the protocol of a run that a score's name means in another version."""
    wanted = name.split("/")[1].partition("@")[0] if name.count("/") > 1 else ""
    return next((one for one in sorted(protocols) if one.partition("@")[0] == wanted), None)


def verdicts(table: Table, found: list[Measured]) -> list[Verdict]:
    """Return a verdict for every expected figure of the rows that were asked for."""
    made = []
    for name, row in table.rows.items():
        runs = [run for run in found if run.row == name]
        for title, expected in row.expected.items():
            values = [run.scores[title].value for run in runs if title in run.scores]
            within = row.within or table.within
            value = mean(values) if values else None
            out = value is not None and abs(value - expected) > within
            if value is not None:
                said = "yes" if not out else f"no, {'below' if value < expected else 'above'}"
            elif others := {run.others[title] for run in runs if title in run.others}:
                said = f"not compared: the runs have {', '.join(sorted(others))}"
            else:
                said = "not measured"
            source = row.source or table.source
            made.append(
                Verdict(name, title, value, len(values), expected, within, source, said, out)
            )
    return made
