"""Text files of a run folder, written so that a reader never sees half of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write readable JSON in place of what the file held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, json.dumps(content, indent=2) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a neighbouring file, then rename it: readers see the old content or the new one."""
    neighbour = path.with_name(f".{path.name}.tmp")
    neighbour.write_text(text, encoding="utf-8")
    neighbour.replace(path)


def keep_metrics_until(path: Path, step: int) -> None:
    """Cut metrics.jsonl of a run folder back to the records of its first `step` steps."""
    file = path / "metrics.jsonl"
    if not file.is_file():
        return
    kept = [
        line for line in file.read_text(encoding="utf-8").splitlines(True) if _step(line) <= step
    ]
    replace_text(file, "".join(kept))


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError):
        return float("inf")  # the line was torn when the process died
