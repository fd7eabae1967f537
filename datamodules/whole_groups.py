"""Which whole groups of items to hold out, so that every class gives about the same share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

Rows = Sequence[int]


def held_groups(groups: Sequence[Rows], classes: Sequence[Hashable], share: float) -> list[Rows]:
    """Return the groups to hold out; the list is empty if each of them holds the last of a class.

    Groups are taken in the given order: each one that brings its classes closer to the share, as
    long as every class keeps an item. If every group is larger than twice the share, the smallest
    one is taken.

    >>> held_groups([[0, 1], [2, 3], [4, 5]], ["cat", "dog"] * 3, 0.3)
    [[0, 1]]

    Args:
        groups: the rows of each group; together they are all rows.
        classes: class of each row.
        share: share of each class to hold out.
    """
    total = Counter(classes)
    # A class of one is not held out.
    wanted = {c: min(max(1, round(n * share)), n - 1) for c, n in total.items()}
    held: list[Rows] = []
    taken: Counter[Hashable] = Counter()
    for group in groups:
        own = Counter(classes[row] for row in group)
        if _leaves_some(own, taken, total) and _comes_closer(own, taken, wanted):
            held.append(group)
            taken += own
    return held or _smallest(groups, classes, total)


def _leaves_some(
    own: Counter[Hashable], taken: Counter[Hashable], total: Counter[Hashable]
) -> bool:
    """Return True if every class of a group keeps an item."""
    return all(taken[c] + n < total[c] for c, n in own.items())


def _comes_closer(
    own: Counter[Hashable], taken: Counter[Hashable], wanted: dict[Hashable, int]
) -> bool:
    """Return True if the held-out counts are closer to the wanted ones with this group."""
    before = sum(abs(wanted[c] - taken[c]) for c in own)
    return sum(abs(wanted[c] - taken[c] - n) for c, n in own.items()) < before


def _smallest(
    groups: Sequence[Rows], classes: Sequence[Hashable], total: Counter[Hashable]
) -> list[Rows]:
    """Return the smallest group that leaves something of its classes, in a list; or nothing."""
    empty: Counter[Hashable] = Counter()
    fits = [g for g in groups if _leaves_some(Counter(classes[r] for r in g), empty, total)]
    return [min(fits, key=len)] if fits else []
