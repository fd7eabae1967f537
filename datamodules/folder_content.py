"""A short description of what a folder contains, for error messages."""

from __future__ import annotations

from pathlib import Path

NAMES = 5  # that one line can show


def content_of(folder: Path) -> str:
    """Return a verb phrase such as "holds train, val", "holds nothing" or "does not exist"."""
    if not folder.is_dir():
        return "does not exist" if not folder.exists() else "is not a folder"
    return f"holds {', '.join(sorted(p.name for p in folder.iterdir())[:NAMES]) or 'nothing'}"
