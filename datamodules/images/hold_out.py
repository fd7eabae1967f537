"""A test split out of the training split: a share of every class, whole groups only."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from pathlib import Path

from manyviews.datamodules.images.index import LabelledFiles
from manyviews.errors import ConfigError

Counts = Counter[str | None]


def hold_out(files: LabelledFiles, share: float, root: Path) -> tuple[LabelledFiles, LabelledFiles]:
    """Return train and test split: of every class, the names with the lowest hashes are held out.

    The choice depends neither on the order of the files nor on the place of the folder, and hardly
    changes if files are added later. Files of one group are held out together, as long as that
    brings their classes closer to the share; then the share is met only roughly.

    Args:
        files: all files.
        share: share of each class to hold out, in (0, 0.5].
        root: folder to which the hashed names are relative.

    Raises:
        ConfigError: the share is outside (0, 0.5], or there are too few files or groups.
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"data.test={share}; allowed: above 0, up to 0.5")
    units, classes = _units(files, root), files.classes
    total: Counts = Counter(classes)
    # A class of one stays in training.
    wanted = {c: min(max(1, round(n * share)), n - 1) for c, n in total.items()}
    held: list[list[int]] = []
    taken: Counts = Counter()
    for unit in units:
        own: Counts = Counter(classes[row] for row in unit)
        if _leaves_some(own, taken, total) and _comes_closer(own, taken, wanted):
            held.append(unit)
            taken += own
    if not held:  # every group is larger than twice the share
        held = _smallest(units, classes, total)
    if not held:
        raise ConfigError(_too_few(files, root, len(units)))
    test = {row for unit in held for row in unit}
    train = [row for row in range(len(classes)) if row not in test]
    return files.rows(train), files.rows(sorted(test))


def _units(files: LabelledFiles, root: Path) -> list[list[int]]:
    """Return the rows that have to stay together, in the order of the hashes of their names."""
    # As bytes: the name of a file need not be valid text.
    names = [os.fsencode(os.path.relpath(path, root)) for path in files.paths]
    groups = files.groups or [None] * len(names)
    units: dict[tuple[bool, bytes], list[int]] = {}
    for row, (name, group) in enumerate(zip(names, groups, strict=True)):
        key = (False, name + b"\0%d" % row) if group is None else (True, os.fsencode(group))
        units.setdefault(key, []).append(row)

    def place(unit: list[int]) -> tuple[int, bytes]:
        group = groups[unit[0]]
        name = names[unit[0]] if group is None else os.fsencode(group)
        return zlib.crc32(name), name

    return sorted(units.values(), key=place)


def _leaves_some(own: Counts, taken: Counts, total: Counts) -> bool:
    """Return True if every class of a unit keeps an item in training."""
    return all(taken[c] + n < total[c] for c, n in own.items())


def _comes_closer(own: Counts, taken: Counts, wanted: dict[str | None, int]) -> bool:
    """Return True if the held-out counts are closer to the wanted ones with this unit."""
    before = sum(abs(wanted[c] - taken[c]) for c in own)
    return sum(abs(wanted[c] - taken[c] - n) for c, n in own.items()) < before


def _smallest(units: list[list[int]], classes: list[str | None], total: Counts) -> list[list[int]]:
    """Return the smallest unit that leaves something of its classes, in a list; or nothing."""
    fits = [u for u in units if _leaves_some(Counter(classes[r] for r in u), Counter(), total)]
    return [min(fits, key=len)] if fits else []


def _too_few(files: LabelledFiles, root: Path, units: int) -> str:
    """Return the reason why nothing can be held out, and what to do."""
    count = len(files.paths)
    images = f"{count} image{'' if count == 1 else 's'}"
    if files.groups is not None and units < count:
        return (
            f"{str(root)!r}: {images} in {units} groups: no group can be held out, because a class "
            "would lose all its training images; give a test split, or type data.group=null"
        )
    few = "is" if count == 1 else "are"
    return (
        f"{str(root)!r}: {images} {few} too few to hold any out; a class needs 2 images or more, "
        "or give a test split of its own"
    )
