"""Search for image sizes or series lengths that a model takes, by trying them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

REFUSALS = (AssertionError, RuntimeError, ValueError)  # what models raise at a wrong size
SIDES = (1, 2, 4, 8, *range(16, 1025, 16))  # pixels or steps, tried in this order
# Pixels to either side in which the nearest sizes are searched: models that cut images into patches
# take multiples of the patch, which has at most 32 pixels.
REACH = 32

Takes = Callable[[int], bool]


def smallest(takes: Takes) -> int | None:
    """Return the smallest side, or length, that is taken, or None if there is none up to 1024."""
    return next(filter(takes, SIDES), None)


def suggest_sizes(takes: Takes, side: int, kind: Literal["images", "series"] = "images") -> str:
    """Return a phrase that names sizes to choose instead of `side`, which is refused.

    >>> suggest_sizes(lambda side: side % 16 == 0, 250)
    'the smallest square it takes has 16, the nearest have 240 and 256'
    >>> suggest_sizes(lambda side: side >= 32, 28)
    'the smallest square it takes has 32'
    >>> suggest_sizes(lambda steps: steps >= 64, 28, "series")
    'the shortest series it takes has 64'
    """
    least = smallest(takes)
    what, unit, first = {
        "images": ("square", "pixels", "smallest"),
        "series": ("series", "steps", "shortest"),
    }[kind]
    if least is None:
        return f"no {what} of up to {SIDES[-1]} {unit} passes"
    words = f"the {first} {what} it takes has {least}"
    if side < least:
        return words
    below, above = range(side - 1, max(side - REACH, least) - 1, -1), range(side, side + REACH + 1)
    near = [s for s in (next(filter(takes, r), None) for r in (below, above)) if s is not None]
    if len(near) == 2:
        return f"{words}, the nearest have {near[0]} and {near[1]}"
    return f"{words}, the nearest {near[0]}" if near and near != [least] else words
