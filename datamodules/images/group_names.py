"""Groups of images, such as all of one patient or video: by a pattern on names of files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.file_kind import readable
from manyviews.datamodules.images.split_names import listed
from manyviews.errors import ConfigError

EXAMPLE = r"""type "data.group='(\w+)_\d+'", or data.group=null"""
WORDS = {"train": "in training", "test": "in the test split", "val": "in the validation split"}


def file_groups(paths: Sequence[Path], root: Path, pattern: str | None) -> list[str | None] | None:
    r"""Return the group of each file: the first bracket of the pattern, found anywhere in its path.

    >>> file_groups([Path("d/cat/ann_01.png"), Path("d/cat/b.png")], Path("d"), r"(\w+)_\d+")
    ['ann', None]

    Args:
        paths: the files.
        root: folder to which the searched paths are relative, with / between folders.
        pattern: a regular expression; None: there are no groups.

    Raises:
        ConfigError: the pattern is no regular expression, has no bracket or fits no file.
    """
    if pattern is None:
        return None
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"data.group={pattern!r} is no regular expression ({error}); {EXAMPLE}"
        ) from error
    if search.groups == 0:
        raise ConfigError(
            f"data.group={pattern!r} has no bracket around the name of the group; {EXAMPLE}"
        )
    names = [readable(path.relative_to(root).as_posix()) for path in paths]
    found = [search.search(name) for name in names]
    groups = [(match[1] or None) if match else None for match in found]
    if names and not any(groups):
        raise ConfigError(f"data.group={pattern!r} fits no file, e.g. not {names[0]!r}; {EXAMPLE}")
    return groups


def group_notes(
    names: Sequence[str], splits: Mapping[str, Int64[Tensor, " _"] | None]
) -> tuple[str, ...]:
    """Return sentences about the number of groups, and about those that lie in two splits.

    Args:
        names: name of each group.
        splits: group of each image, -1 if unknown, of the splits "train", "test" and perhaps "val";
            None if there are no groups.
    """
    known = {split: group for split, group in splits.items() if group is not None}
    if not known:
        return ()
    seen = {split: {int(g) for g in group[group >= 0].unique()} for split, group in known.items()}
    alone = sum(int((group < 0).sum()) for group in known.values())
    said = ", ".join(f"{len(seen[split])} {WORDS[split]}" for split in known)
    said = said.replace(" ", " groups ", 1) + (f"; {alone} images without a group" if alone else "")
    warnings = []
    for one, other in combinations(known, 2):
        if both := sorted(names[i] for i in seen[one] & seen[other]):
            where = "both splits" if len(known) == 2 else f"{one} and {other}"
            warnings.append(f"warning: {len(both)} groups lie in {where}: {listed(both)}")
    return (said, *warnings)
