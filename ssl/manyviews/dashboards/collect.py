"""All runs of the dashboard as one object of plain values, which the page holds as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manyviews.dashboards.curves import packed
from manyviews.dashboards.entry import Entry, entry
from manyviews.dashboards.pairs import pairs
from manyviews.dashboards.scores import Score, finite
from manyviews.errors import ConfigError
from manyviews.evaluation.words import in_words, scale
from manyviews.sweeps.boards.found import NEITHER, Found, find
from manyviews.sweeps.boards.leaderboard import differing

# Chosen files that are shown even if all runs chose the same.
CHOSEN = ("method", "data", "backbone", "views", "optimizer", "schedule", "regularizer")
COST = {
    "seconds": "time, s",
    "images_per_s": "images/s",
    "memory": "memory, GB",
    "parameters": "parameters",
    "backbone_parameters": "backbone parameters",
}


def runs_below(folders: Sequence[Path]) -> list[Found]:
    """Return the runs below some folders, and their evaluations on other data.

    Raises:
        ConfigError: a folder does not exist, or there is no run.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                f"{folder} is no folder; type manyviews dashboard FOLDER, with the folder that "
                "your runs are in"
            )
    found, _ = find(folders)
    if not found:
        names = ", ".join(map(str, folders))
        raise ConfigError(
            f"no run in {names}; type manyviews dashboard FOLDER, with run folders, sweep folders, "
            "or a folder that holds some of them"
        )
    return found


def collect(found: Sequence[Found], folder: Path) -> tuple[dict[str, Any], list[Entry]]:
    """Return the content of the page and the runs that are in it.

    Args:
        found: the runs, at least one.
        folder: where the page lies; links are relative to it.

    Returns:
        `keys` (settings), `metrics` (scores), `cost`, `curves` (metrics of training), `protocols`,
        `pairs`, and `runs`: each with its values in the order of these lists.
    """
    entries = [entry(run, folder) for run in found]
    keys, metrics = _keys(found), _metrics(found)
    curves = sorted({name for row in entries for name in row.curves.points})
    protocols = sorted({score.protocol for row in entries for score in row.scores.values()})
    content = {
        "keys": keys,
        "metrics": metrics,
        "cost": [{"name": name, "title": title} for name, title in COST.items()],
        "curves": [{"name": name, **_unit(name)} for name in curves],
        "protocols": protocols,
        "runs": [
            {
                **_told(row),
                "settings": [row.settings.get(key) for key in keys],
                "scores": [_cell(row.scores.get(m["name"]), protocols) for m in metrics],
                "cost": [row.cost[name] for name in COST],
                "curves": {
                    str(curves.index(name)): packed(points)
                    for name, points in row.curves.points.items()
                },
                "seconds": packed(row.curves.seconds) if row.curves.seconds else None,
            }
            for row in entries
        ],
        "pairs": pairs(found),
    }
    return content, entries


def _keys(found: Sequence[Found]) -> list[str]:
    """Return the settings that are columns: the chosen files, then what differs."""
    chosen = [key for key in CHOSEN if any(key in run.keys for run in found)]
    rest = [key for key in differing(found) if key not in NEITHER and "/" not in key]
    return list(dict.fromkeys([*chosen, *rest]))


def _metrics(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return the scores that are columns: validation, test, then those during training."""
    better: Mapping[str, str] = {k: v for run in found for k, v in run.better.items()}
    names = {name for run in found for name in run.scores}
    order = ("val/", "eval/", "online/")
    return [
        {
            "name": name,
            "words": in_words(name.rpartition("/")[2]),
            "better": better.get(name, "higher" if scale(name)[1] else ""),
            **_unit(name),
        }
        for name in sorted(names, key=lambda n: (order.index(f"{n.partition('/')[0]}/"), n))
    ]


def _unit(name: str) -> dict[str, Any]:
    factor, unit = scale(name)
    return {"factor": factor, "unit": unit}


def _told(row: Entry) -> dict[str, Any]:
    """Return the parts of a row that are shown as they are."""
    parts = ("id", "name", "path", "report", "state", "reason", "seed", "data", "pictures")
    return {
        **{part: getattr(row, part) for part in parts},
        "images": row.images_per_step,
        "epoch": row.steps_per_epoch,
        "not_finite": row.curves.not_finite,
    }


def _cell(score: Score | None, protocols: Sequence[str]) -> list[Any] | None:
    """Return value, ends of the interval, number of items and place of the protocol."""
    if score is None:
        return None
    low, high = finite(score.low), finite(score.high)
    return [score.value, low, high, score.n, protocols.index(score.protocol)]
