"""A split out of the training split: a share of every class, whole groups only."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from manyviews.datamodules.images.index import LabelledFiles, relative
from manyviews.datamodules.whole_groups import held_groups
from manyviews.errors import ConfigError

# What to type for each split if nothing can be held out of groups.
INSTEAD = {
    "data.test": "give a test split, or type data.group=null",
    "data.val": "type data.val=null, or data.group=null",
}


def hold_out(
    files: LabelledFiles, share: float, root: Path, key: str = "data.test"
) -> tuple[LabelledFiles, LabelledFiles]:
    """Return the rest and the held-out files: of every class, the names with the lowest hashes.

    The choice depends neither on the order of the files nor on the place of the folder, and hardly
    changes if files are added later. Files of one group are held out together, as long as that
    brings their classes closer to the share; then the share is met only roughly.

    Args:
        files: all files.
        share: share of each class to hold out, in (0, 0.5].
        root: folder to which the hashed names are relative.
        key: the option that asks for it, `data.test` or `data.val`, for error messages.

    Raises:
        ConfigError: the share is outside (0, 0.5], or there are too few files or groups.
    """
    if not 0 < share <= 0.5:
        names = ", or names of groups, or null" if key == "data.val" else ""
        raise ConfigError(f"{key}={share}; allowed: above 0, up to 0.5{names}")
    units = _units(files, root)
    held = {row for unit in held_groups(units, files.classes, share) for row in unit}
    if not held:
        raise ConfigError(_too_few(files, root, len(units), key))
    rest = [row for row in range(len(files.classes)) if row not in held]
    return files.rows(rest), files.rows(sorted(held))


def _units(files: LabelledFiles, root: Path) -> list[list[int]]:
    """Return the rows that have to stay together, in the order of the hashes of their names."""
    # As bytes: the name of a file need not be valid text.
    names = [os.fsencode(relative(path, root)) for path in files.paths]
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


def _too_few(files: LabelledFiles, root: Path, units: int, key: str) -> str:
    """Return the reason why nothing can be held out, and what to do."""
    count = len(files.paths)
    images = f"{count} image{'' if count == 1 else 's'}"
    if files.groups is not None and units < count:
        return (
            f"{str(root)!r}: {images} in {units} groups: no group can be held out, because a class "
            f"would lose all its training images; {INSTEAD[key]}"
        )
    few = "is" if count == 1 else "are"
    otherwise = "give a test split of its own" if key == "data.test" else "type data.val=null"
    return (
        f"{str(root)!r}: {images} {few} too few to hold any out; a class needs 2 images or more, "
        f"or {otherwise}"
    )
