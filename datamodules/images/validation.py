"""The validation split of image files: a share of the training split, or groups of it by name."""

from __future__ import annotations

import os
from pathlib import Path

from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.index import FileIndex, LabelledFiles
from manyviews.datamodules.images.split_names import listed
from manyviews.errors import ConfigError

Val = float | str | list[str | int]


def with_validation(index: FileIndex, val: Val | None) -> FileIndex:
    """Return the index with the validation split that `data.val` asks for.

    A share is held out as in `hold_out`, after the test split, so that it never contains files of
    the test split.

    Args:
        index: files of the training and the test split.
        val: share of every class of the training split, in (0, 0.5], or names of groups; None: the
            validation split of the data themselves, if they have one.

    Raises:
        ConfigError: the data have a validation split of their own, the share is outside its range,
            a group is unknown, or nothing would be left to train on.
    """
    if val is None:
        return index
    if index.val is not None:
        raise ConfigError(
            f"data.val={val}, and the data have a validation split of their own "
            f"({len(index.val.paths)} images); leave data.val out"
        )
    if isinstance(val, str | list):
        train, held = _named(index.train, [val] if isinstance(val, str) else val)
    else:
        train, held = hold_out(index.train, val, _root(index), "data.val")
    note = (
        f"validation: {len(held.paths)} of {len(index.train.paths)} training images are held out "
        f"(data.val={_typed(val)})"
    )
    return index._replace(train=train, val=held, notes=(*index.notes, note))


def _root(index: FileIndex) -> Path:
    """Return the folder to which the names of training files are hashed."""
    if found := index.root or index.folder:
        return found
    return Path(os.path.commonpath([path.absolute().parent for path in index.train.paths]))


def _named(files: LabelledFiles, asked: list[str | int]) -> tuple[LabelledFiles, LabelledFiles]:
    """Return the files of all other groups, and those of the groups that were asked for."""
    wanted = {str(name) for name in asked}  # YAML reads the group 7 as a number
    known = sorted({name for name in files.groups or () if name is not None})
    if not known:
        raise ConfigError(
            f"data.val={_typed(asked)}, but no training image has a group; type a share such as "
            "data.val=0.1, or null"
        )
    if strange := sorted(wanted - {*known}):
        raise ConfigError(
            f"data.val: there is no group {strange[0]!r} in the training split; allowed: "
            f"{listed(known, 10)}, or a share, or null"
        )
    groups = files.groups or []
    held = [row for row, name in enumerate(groups) if name in wanted]
    rest = [row for row, name in enumerate(groups) if name not in wanted]
    if not held or not rest:
        raise ConfigError(
            f"data.val={_typed(asked)} leaves a split empty; allowed: some but not all of "
            f"{listed(known, 10)}, or a share, or null"
        )
    return files.rows(rest), files.rows(held)


def _typed(val: Val) -> str:
    """Return the value as it would be typed, in a short line."""
    return f"[{','.join(map(str, val))}]" if isinstance(val, list) else str(val)
