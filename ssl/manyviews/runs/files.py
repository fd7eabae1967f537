"""Text files of a run folder, written so that a reader never sees half of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Files to which a run appends a line of JSON per record.
METRICS, EIGENVALUES = "metrics.jsonl", "eigenvalues.jsonl"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write readable JSON in place of what the file held; it holds no NaN, which is no JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a text in place of what the file held; see `replace_bytes`."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a neighbouring file, then rename it: readers see the old content or the new one."""
    neighbour = path.with_name(f".{path.name}.tmp")
    neighbour.write_bytes(content)
    neighbour.replace(path)


def keep_metrics_until(path: Path, step: int) -> None:
    """Cut the records of a run folder back to those of its first `step` steps.

    They lie in metrics.jsonl and, if they were asked for, in eigenvalues.jsonl.
    """
    for file in (path / METRICS, path / EIGENVALUES):
        if file.is_file():
            lines = file.read_bytes().splitlines(keepends=True)
            replace_bytes(file, b"".join(line for line in lines if _step(line) <= step))


def _step(line: bytes) -> float:
    """Return the step of a record; infinity if the line is torn, for example by a kill."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return float("inf")


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the content of a JSON file; None if it is missing, damaged or no object."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def read_records(path: Path, end: int | None = None, holding: str = "") -> Iterator[dict[str, Any]]:
    """Yield the records of a file with one JSON object per line; there are none without the file.

    A line that is torn, by a kill or because it is just being written, is left out.

    Args:
        path: the file.
        end: number of bytes at its end that are read; None: all.
        holding: text that a line has to hold; a file is read faster if few of its lines do.
    """
    try:
        with path.open("rb") as file:
            if end is not None:
                file.seek(max(0, path.stat().st_size - end))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        if holding.encode() in line:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record
