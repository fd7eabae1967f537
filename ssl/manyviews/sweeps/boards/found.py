"""Read run folders for tables: config, status and scores, without torch and without checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from manyviews.errors import ConfigError
from manyviews.evaluation.words import score_name
from manyviews.runs import status
from manyviews.runs.files import METRICS, read_object, read_records
from manyviews.sweeps import plan

# Keys of config.yaml beside the config itself.
HEAD = ("format_version", "identity", "precision", "choices")
# Settings that do not change the result, and the seed, over which means are taken.
NEITHER = (
    "seed",
    "runs",
    "logger",
    "callbacks",
    "resume",
    "save_every_n_steps",
    "evaluation",
    "best",
)
TAIL = 65536  # bytes at the end of metrics.jsonl in which last values are looked for


class Found(NamedTuple):
    """A run folder, or a report of a backbone without a run.

    Attributes:
        path: the folder.
        keys: its settings by dotted key, such as `optimizer.lr`; chosen files by group.
        seed: its seed.
        state: see `status.State`.
        scores: value by name, such as `val/knn@1/top1` and `online/knn@1/top1`.
        better: "higher" or "lower" by name of a score; missing if neither is.
        data: name of the data of the scores.
        seconds: time of its processes; None if it is not known.
        images_per_s: mean speed of its last record; None if it is not known.
        memory: most memory in GB; None if it is not known.
    """

    path: Path
    keys: dict[str, Any]
    seed: int | None
    state: str
    scores: dict[str, float]
    better: dict[str, str]
    data: str
    seconds: float | None = None
    images_per_s: float | None = None
    memory: float | None = None


def find(folders: Iterable[Path]) -> tuple[list[Found], int]:
    """Return what is in these folders, and the number of folders that are something else.

    Args:
        folders: run folders, sweep folders, or folders that hold some of them.

    Raises:
        ConfigError: a folder does not exist.
    """
    found: dict[Path, Found] = {}
    skipped = 0
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder")
        for place in _places(folder):
            rows = [*_rows(place)]
            skipped += not rows
            found |= {row.path: row for row in rows}
    return [*found.values()], skipped


def _places(folder: Path) -> list[Path]:
    """Return the folders that may be runs."""
    if (folder / plan.PLAN).is_file():
        return [Path(trial.folder) for trial in plan.load(folder).trials]
    if (folder / "config.yaml").is_file() or (folder / "report.json").is_file():
        return [folder]
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _rows(place: Path) -> Iterator[Found]:
    """Yield the run of a folder on its own data, and on each data set it was evaluated on."""
    if (card := read_object(place / "report.json")) is not None:
        yield _without_run(place, card)
        return
    config = _config(place / "config.yaml")
    if config is None:
        return
    known = status.read(place)
    choices, settings = (
        config.get("choices", {}),
        {k: v for k, v in config.items() if k not in HEAD},
    )
    last = last_records(place / METRICS)
    run = Found(
        path=place,
        keys={**dict(_flat(settings)), **{str(k): v for k, v in choices.items()}},
        seed=settings.get("seed"),
        state=known.state if known else "unknown",
        scores={name: value for name, value in last.items() if name.startswith("online/")},
        better={},
        data=str(choices.get("data", "")),
        seconds=known.seconds or None if known else None,
        images_per_s=last.get("train/throughput/images_per_s"),
        memory=known.memory or None if known else None,
    )
    own = read_object(place / "report" / "report.json")
    yield run if own is None else _with_scores(run, own)
    for file in sorted(place.glob("evaluations/*/report.json")):
        if (other := read_object(file)) is not None:
            row = run._replace(path=file.parent, scores={}, better={})
            yield _with_scores(row, other)


def _without_run(place: Path, card: dict[str, Any]) -> Found:
    keys = {"backbone": card.get("run", place.name), "data": _data(card)}
    row = Found(place, keys, None, "finished", {}, {}, _data(card))
    return _with_scores(row, card)


def _with_scores(row: Found, card: dict[str, Any]) -> Found:
    """Return a row with the scores of a report."""
    scores, better = dict(row.scores), dict(row.better)
    for score in card.get("scores", ()):
        if score.get("subject") == "trained" and isinstance(score.get("value"), int | float):
            name = score_name(score)
            scores[name] = float(score["value"])
            if score.get("better"):
                better[name] = score["better"]
    return row._replace(scores=scores, better=better, data=_data(card))


def _data(card: Mapping[str, Any]) -> str:
    return str(card.get("data", {}).get("name", ""))


def _config(file: Path) -> dict[str, Any] | None:
    """Return the content of a config.yaml; None if there is none that can be read."""
    try:
        # The loader that is written in C is ten times as fast; both build plain values only.
        content = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    return content if isinstance(content, dict) and "method" in content else None


def _flat(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a config with its dotted key; targets are told by their last name."""
    for key, value in node.items():
        name = f"{path}{key}"
        if name in NEITHER:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif key == "_target_":
            yield name.removesuffix("._target_"), str(value).rpartition(".")[2]
        else:
            yield name, value


def last_records(file: Path) -> dict[str, float]:
    """Return the last value of each metric in the end of a metrics.jsonl."""
    found: dict[str, float] = {}
    for record in read_records(file, end=TAIL):
        found |= {k: v for k, v in record.items() if isinstance(v, int | float)}
    return found
