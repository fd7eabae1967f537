"""The command `manyviews leaderboard`: a table of runs, grouped by setting, the best first."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from manyviews.errors import ConfigError, unknown
from manyviews.sweeps import attempts
from manyviews.sweeps.boards.found import Found, find
from manyviews.sweeps.boards.paired import Difference, difference

PREFERRED = ("val/linear_lbfgs@2/top1", "val/knn@1/top1", "val/linear_rebar@1/top1")
CHOSEN_ON_TEST = (
    "these settings are sorted by a score on test items, so the first one looks better than it is; "
    "sort by a val/… score to choose, and read test last"
)
COLLECTIONS = ("experiment", "debug")  # groups whose files set keys of other groups


class Row(NamedTuple):
    """Runs of one setting that differ in the seed only.

    Attributes:
        keys: the settings that differ between rows.
        value: mean of the metric over the runs that have it; None if none has.
        spread: standard deviation over them; None if there are fewer than two.
        minus_best: its score minus that of the first row; None in the first row, without a score,
            and on other data.
        runs: number of runs that have the metric.
        states: number of runs by state.
        seconds: mean time of a run; None if it is not known.
        images_per_s: mean speed.
        memory: most memory of a run in GB.
        paths: folders of the runs.
    """

    keys: dict[str, Any]
    value: float | None
    spread: float | None
    minus_best: Difference | None
    runs: int
    states: dict[str, int]
    seconds: float | None
    images_per_s: float | None
    memory: float | None
    paths: list[str]


class Board(NamedTuple):
    """A leaderboard.

    Attributes:
        metric: name of the score by which it is sorted.
        better: "higher" or "lower".
        rows: the best first; those without the score last.
        notes: sentences about it.
    """

    metric: str
    better: str
    rows: list[Row]
    notes: list[str]


def leaderboard(
    folders: Sequence[str],
    by: str | None = None,
    group: Sequence[str] = (),
    where: Sequence[str] = (),
) -> Board:
    """Return a table of the runs in some folders.

    Args:
        folders: run folders, sweep folders, or folders that hold some of them.
        by: name of a score; None: a usual one on validation items.
        group: keys whose values make the rows, such as `method`; none: all that differ.
        where: conditions such as `data=cifar10`; runs that meet all of them are shown.

    Raises:
        ConfigError: there is no run, no such score, or no such key.
    """
    found, skipped = find([Path(folder) for folder in folders])
    wanted = [row for row in found if all(_meets(row, text) for text in where)]
    if not wanted:
        among = f" that meets {' '.join(where)}" if where and found else ""
        raise ConfigError(f"no run{among} in {', '.join(folders)}")
    metric = by or _usual(wanted)
    names = {name for row in wanted for name in row.scores}
    if metric not in names:
        raise unknown("score", metric, sorted(names))
    keys = [*group] or differing(wanted)
    for key in keys:
        if not any(key in row.keys for row in wanted):
            raise unknown("key", key, sorted({k for row in wanted for k in row.keys}))
    better = next((row.better[metric] for row in wanted if metric in row.better), "higher")
    grouped = _grouped(wanted, keys)
    rows = [_row(members, keys, metric) for members in grouped]
    order = sorted(range(len(rows)), key=lambda i: _merit(rows[i].value, better))
    rows = _with_differences([(rows[i], grouped[i]) for i in order], metric)
    return Board(metric, better, rows, _notes(wanted, rows, metric, skipped))


def _meets(row: Found, condition: str) -> bool:
    """Return True if a run meets `key=value`.

    Raises:
        ConfigError: the condition has no `=`.
    """
    key, equals, value = condition.partition("=")
    if not equals:
        raise ConfigError(f"--where {condition}: type KEY=VALUE, such as data=cifar10")
    known = row.data if key == "data" else row.keys.get(key, row.seed if key == "seed" else None)
    return str(known).lower() == value.lower()


def _usual(found: Sequence[Found]) -> str:
    """Return the score that most runs have, of the usual ones on validation items first."""
    count: dict[str, int] = {}
    for name in (name for row in found for name in row.scores):
        count[name] = count.get(name, 0) + 1
    if not count:
        raise ConfigError(
            "none of these runs has a score yet; `manyviews evaluate run=RUN` makes it"
        )
    usual = [name for name in PREFERRED if count.get(name) == max(count.values())]
    rest = sorted(count, key=lambda name: (not name.startswith("val/"), -count[name], name))
    return [*usual, *rest][0]


def differing(found: Sequence[Found]) -> list[str]:
    """Return the keys that do not have the same value in all runs, and the data if they differ."""
    names = dict.fromkeys(key for row in found for key in row.keys)
    chosen = [key for key in names if len({json.dumps(row.keys.get(key)) for row in found}) > 1]
    groups = {key for key in chosen if "." not in key}
    # If the method differs, so do its keys; they say more if runs of one method differ in them.
    kept = [
        key
        for key in chosen
        if key in groups
        or (head := key.partition(".")[0]) not in groups
        or _says_more(key, head, found)
    ]
    if len({row.data for row in found}) > 1 and "data" not in kept:
        kept.append("data")
    # An experiment is a name for other settings, which are told if they differ.
    return [key for key in kept if key not in COLLECTIONS] or kept


def _says_more(key: str, group: str, found: Sequence[Found]) -> bool:
    """Return True if a key has two values in runs that chose the same file of its group."""
    values: dict[str, set[str]] = {}
    for row in found:
        values.setdefault(str(row.keys.get(group)), set()).add(json.dumps(row.keys.get(key)))
    return any(len(of_file) > 1 for of_file in values.values())


def _grouped(found: Sequence[Found], keys: Sequence[str]) -> list[list[Found]]:
    """Return the runs with the same values of the keys together."""
    grouped: dict[str, list[Found]] = {}
    for row in found:
        grouped.setdefault(json.dumps(_values(row, keys)), []).append(row)
    return [*grouped.values()]


def _values(run: Found, keys: Sequence[str]) -> dict[str, Any]:
    return {key: run.data if key == "data" else run.keys.get(key) for key in keys}


def _row(members: Sequence[Found], keys: Sequence[str], metric: str) -> Row:
    values = [row.scores[metric] for row in members if metric in row.scores]
    states: dict[str, int] = {}
    for row in members:
        states[row.state] = states.get(row.state, 0) + 1
    return Row(
        _values(members[0], keys),
        mean(values) if values else None,
        stdev(values) if len(values) > 1 else None,
        None,
        len(values),
        states,
        _mean([row.seconds for row in members]),
        _mean([row.images_per_s for row in members]),
        max((row.memory for row in members if row.memory), default=None),
        [str(row.path) for row in members],
    )


def _with_differences(sorted_rows: Sequence[tuple[Row, list[Found]]], metric: str) -> list[Row]:
    """Return the rows with their differences to the first one, over the seeds that both have."""
    best, of_best = sorted_rows[0]
    found = [best]
    for row, members in sorted_rows[1:]:
        if row.value is None or best.value is None or _data_of(members) != _data_of(of_best):
            found.append(row)
            continue
        paired = difference(_by_seed(members, metric), _by_seed(of_best, metric))
        unpaired = Difference(row.value - best.value, None, None, 0)
        found.append(row._replace(minus_best=paired or unpaired))
    return found


def _data_of(members: Sequence[Found]) -> set[str]:
    return {run.data for run in members}


def _by_seed(members: Sequence[Found], metric: str) -> dict[int, float]:
    """Return the score of each seed, the mean if several runs have it."""
    values: dict[int, list[float]] = {}
    for run in members:
        if run.seed is not None and metric in run.scores:
            values.setdefault(run.seed, []).append(run.scores[metric])
    return {seed: mean(of_seed) for seed, of_seed in values.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _merit(value: float | None, better: str) -> float:
    """Return a number by which rows are sorted, the best first."""
    if value is None or math.isnan(value):
        return math.inf
    return value if better == "lower" else -value


def _notes(found: Sequence[Found], rows: Sequence[Row], metric: str, skipped: int) -> list[str]:
    notes = []
    if metric.startswith("eval/") and len(rows) > 1:
        notes.append(CHOSEN_ON_TEST)
    alone = [row for row in rows if row.minus_best and row.minus_best.low is None]
    if alone:
        notes.append(
            f"no interval where fewer than two seeds are shared with the best; `manyviews compare "
            f"{rows[0].paths[0]} {alone[0].paths[0]}` compares two runs over the same test items"
        )
    lost = sum(row.state in attempts.LOST for row in found)
    if lost:
        notes.append(f"{lost} of {len(found)} runs failed")
    if skipped:
        notes.append(f"{skipped} folders are no runs and were skipped")
    return notes
