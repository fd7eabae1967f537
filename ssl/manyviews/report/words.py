"""Names as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsInt


def class_name(label: SupportsInt, classes: Sequence[str]) -> str:
    """Of a class; -1 is unknown."""
    index = int(label)
    return classes[index] if 0 <= index < len(classes) else "unknown"
