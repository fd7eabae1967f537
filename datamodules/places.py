"""The folder of a data set below one that all data sets share."""

from __future__ import annotations

from pathlib import Path

from manyviews.datamodules.folder_content import content_of
from manyviews.errors import ConfigError


def place_of(name: str, root: str, pattern: str, fetch: str) -> Path:
    """Return `root` or `root/name`, whichever holds the files of a data set.

    The environment variable MANYVIEWS_DATA names one folder for all data sets, and some have
    files directly in it whose names they share.

    Args:
        name: name of the data set.
        root: the folder that was typed.
        pattern: glob pattern of its files, below the folder.
        fetch: what to do if there are none.

    Raises:
        ConfigError: neither holds such a file.
    """
    places = Path(root), Path(root) / name
    found = next((place for place in places if any(place.glob(pattern))), None)
    if found is None:
        said = " and ".join(f"{place} {content_of(place)}" for place in places)
        raise ConfigError(f"data.root={root}: no {pattern} of {name}: {said}; {fetch}")
    return found
