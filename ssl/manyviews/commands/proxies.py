"""Rank measures without labels against a probe, over the checkpoints of a run or over runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from manyviews.errors import ConfigError
from manyviews.evaluation.proxies import Point, proxies
from manyviews.report import proxies as pages
from manyviews.report.proxies import Ranking
from manyviews.runs import replace_text, write_json
from manyviews.runs.files import read_object

MEASURES = "label_free@1"  # protocol of the measures
PROBE = "linear_lbfgs@2/top1"


def write(paths: Sequence[str | Path], folder: str | Path, probe: str = PROBE) -> Ranking:
    """Write proxies.html, proxies.md and proxies.json into a folder, and return what they show.

    Args:
        paths: report.json files, or run folders, whose reports of all checkpoints are read.
        folder: where the files go; it is made.
        probe: protocol and measure, such as `knn@1/top1`.

    Raises:
        ConfigError: see `rank`.
    """
    ranking, folder = rank(paths, probe), Path(folder)
    rows = [proxy._asdict() for proxy in ranking.proxies]
    points = [point._asdict() for point in ranking.points]
    content = {"probe": ranking.probe, "split": ranking.split, "data": ranking.data}
    write_json(
        folder / "proxies.json",
        {**content, "proxies": rows, "points": points, "notes": [*ranking.notes]},
    )
    replace_text(folder / "proxies.md", pages.markdown(ranking))
    replace_text(folder / "proxies.html", pages.page(ranking))
    return ranking


def rank(paths: Sequence[str | Path], probe: str = PROBE) -> Ranking:
    """Return the ranking of the measures without labels against a probe.

    The probe's scores on validation items are taken if every report has them, so that a measure is
    not chosen on test; otherwise those on test items, which the ranking says.

    Args:
        paths: report.json files, or run folders.
        probe: protocol and measure.

    Raises:
        ConfigError: a path is no report, the reports are of different data, or none has both the
            probe and the measures.
    """
    cards = _distinct({path: _read(path) for path in _files(paths)})
    _check_same_data(cards)
    notes, known = [], {}
    for path, card in cards.items():
        if _scores(card, probe, "test") and _measures(card):
            known[path] = card
        else:
            notes.append(f"{path} is left out: it has no scores of {probe} or of {MEASURES}")
    if not known:
        raise ConfigError(
            f"no report has scores of {probe} and of {MEASURES}; type manyviews evaluate run=RUN "
            "evaluation=[knn,linear_lbfgs,label_free]"
        )
    split = "val" if all(_scores(card, probe, "val") for card in known.values()) else "test"
    points = [
        Point(_name(card), _scores(card, probe, split)[0]["value"], _measures(card))
        for card in known.values()
    ]
    notes += [*_doubts(known)]
    first = next(iter(known.values()))
    return Ranking(probe, split, first["data"]["name"], points, proxies(points), notes)


def _files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the reports that are named, and those of all checkpoints of a run folder."""
    found: list[Path] = []
    for path in map(Path, paths):
        reports = sorted(path.glob("report*/report.json")) if path.is_dir() else [path]
        if not reports:
            raise ConfigError(f"{path} holds no report; type manyviews evaluate run={path}")
        found += reports
    return found


def _read(path: Path) -> dict[str, Any]:
    card = read_object(path)
    if card is None or not {"run", "scores", "data", "checkpoint"} <= {*card}:
        raise ConfigError(f"{path} is no report of `manyviews evaluate`, or is damaged")
    return card


def _distinct(cards: dict[Path, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    """Return the reports without those of a checkpoint that another one is about, too."""
    by_checkpoint: dict[Any, Path] = {}
    for path, card in cards.items():
        by_checkpoint.setdefault(card["checkpoint"].get("sha256") or str(path), path)
    return {path: cards[path] for path in by_checkpoint.values()}


def _check_same_data(cards: dict[Path, dict[str, Any]]) -> None:
    """Raise unless all reports are about the same data: other scores cannot be ordered."""
    (first, card), *rest = cards.items()
    for path, other in rest:
        if other["data"]["fingerprint"] != card["data"]["fingerprint"]:
            raise ConfigError(
                f"{first} is about data={card['data']['name']} and {path} about other data "
                f"({other['data']['name']}); give reports of the same data"
            )


def _scores(card: dict[str, Any], probe: str, split: str) -> list[dict[str, Any]]:
    """Return the rows of the trained backbone's score under a probe: one or none."""
    protocol, _, metric = probe.rpartition("/")
    wanted = {"protocol": protocol, "metric": metric, "subject": "trained"}
    return [
        row
        for row in card["scores"]
        if row.get("split", "test") == split and wanted.items() <= row.items()
    ]


def _label_free(card: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = {"protocol": MEASURES, "subject": "trained"}
    rows = [row for row in card["scores"] if wanted.items() <= row.items()]
    return [row for row in rows if row["value"] is not None]


def _measures(card: dict[str, Any]) -> dict[str, float]:
    """Return the values of the measures that are defined for the trained backbone."""
    return {row["metric"]: row["value"] for row in _label_free(card)}


def _name(card: dict[str, Any]) -> str:
    return f"{card['run']}, step {card['checkpoint']['step']}"


def _doubts(cards: dict[Path, dict[str, Any]]) -> Iterable[str]:
    """Yield a sentence for each difference between the points that the measures depend on."""
    methods = sorted({name for path in cards if (name := _method(path))})
    if len(methods) > 1:
        yield f"these points are of {len(methods)} methods ({', '.join(methods)})"
    for key, words in {"n": "numbers of items", "dim": "dimensions"}.items():
        rankme = [
            r for card in cards.values() for r in _label_free(card) if r["metric"] == "rankme"
        ]
        seen = sorted({row.get("details", {}).get(key) for row in rankme} - {None})
        if len(seen) > 1:
            yield f"these points have different {words} ({', '.join(map(str, seen))})"


def _method(path: Path) -> str | None:
    """Return the method of the run that a report lies in, None if it lies in no run folder."""
    try:
        record = yaml.safe_load((path.parent.parent / "config.yaml").read_text("utf-8"))
        return str(record["choices"]["method"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None
