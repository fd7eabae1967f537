"""Groups of images, such as all of one patient or video: by a pattern on names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.file_kind import readable
from manyviews.datamodules.images.split_names import listed
from manyviews.errors import ConfigError

EXAMPLE = r"""type "data.group='(\w+)_\d+'", or data.group=null"""


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
    names: Sequence[str], train: Int64[Tensor, " N"] | None, test: Int64[Tensor, " M"] | None
) -> tuple[str, ...]:
    """Return sentences about the number of groups, and about those that both splits share.

    Args:
        names: name of each group.
        train: group of each training image, -1 if unknown; None if there are no groups.
        test: group of each test image, likewise.
    """
    if train is None or test is None:
        return ()
    seen, tested = ({int(g) for g in part[part >= 0].unique()} for part in (train, test))
    alone = int((train < 0).sum() + (test < 0).sum())
    said = f"{len(seen)} groups in training, {len(tested)} in the test split"
    said += f"; {alone} images without a group" if alone else ""
    both = sorted(names[i] for i in seen & tested)
    if not both:
        return (said,)
    return (said, f"warning: {len(both)} groups lie in both splits: {listed(both)}")
