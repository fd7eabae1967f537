"""Words that the page shows for values of report.json and gallery.npz."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsInt


def class_name(label: SupportsInt, classes: Sequence[str]) -> str:
    """Return the name of a class, or "unknown" for a label outside the list, such as -1."""
    index = int(label)
    return classes[index] if 0 <= index < len(classes) else "unknown"
