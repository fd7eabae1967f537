"""All files below a folder: images by their ending, and the number of the others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from manyviews.datamodules.file_kind import odd_kind, readable
from manyviews.datamodules.images.decode import extensions
from manyviews.errors import ConfigError


class Found(NamedTuple):
    """All files below a folder.

    Attributes:
        images: files with the ending of an image format, sorted by name.
        rest: all others, sorted by name; named pipes and sockets, too.
    """

    images: list[Path]
    rest: list[Path]

    def below(self, folder: Path) -> Found:
        """Return those below a folder alone."""
        start = str(folder / "_")[:-1]  # as text: a million paths are compared
        return Found(*([path for path in part if str(path).startswith(start)] for part in self))


def find(*folders: Path) -> Found:
    """Return all files below these folders; names that begin with a dot do not count."""
    suffixes = extensions()
    files = [path for folder in folders for path in _walk(folder, frozenset())]
    images = [path for path in files if path.suffix.lower() in suffixes]
    return Found(images, [path for path in files if path.suffix.lower() not in suffixes])


def visible_folders(root: Path) -> list[Path]:
    """Return the visible sub-folders, sorted by name."""
    return [p for p in _entries(root) if p.is_dir()]


def _walk(folder: Path, above: frozenset[str]) -> list[Path]:
    """Return the files at any depth, sorted by name; links are followed, but never in a circle.

    Args:
        folder: where to begin.
        above: real paths of the folders that lead here.
    """
    # A link to one of these folders would lead into a circle.
    above |= {os.path.realpath(folder)}
    files: list[Path] = []
    for path in _entries(folder):
        if not path.is_dir():
            files.append(path)
        elif os.path.realpath(path) not in above:
            files += _walk(path, above)
    return files


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name, without what begins with a dot."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ConfigError(f"{str(folder)!r} cannot be read ({error.strerror})") from error


def unread_notes(rest: Iterable[Path]) -> list[str]:
    """Return a sentence with the number of files that are no images by their ending, if any."""
    kinds = ending_counts(rest)
    return [f"not read: {kinds}"] if kinds else []


def ending_counts(paths: Iterable[Path]) -> str:
    """Return how many files have which ending, as in "50 .heic, 2 without ending"."""
    counts = Counter(
        odd_kind(path) or readable(path.suffix.lower()) or "without ending" for path in paths
    )
    return ", ".join(
        f"{count} {kind.removeprefix('a ')}{'s' if kind[:2] == 'a ' and count > 1 else ''}"
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
