"""Which folders are the splits of a data set; it stops where that is not clear."""

from __future__ import annotations

from pathlib import Path

from manyviews.datamodules.images.search import visible_folders
from manyviews.datamodules.images.split_names import Chosen, choose, is_split, listed
from manyviews.errors import ConfigError


def chosen_splits(root: Path, images: list[Path]) -> Chosen | None:
    """Return the folders of the splits, None if there are no such folders.

    Raises:
        ConfigError: some folders look like splits, others with images do not; or folders that look
            like splits lie one level too deep.
    """
    below = _folders_with_images(root, images)
    splits = [path.name for path in visible_folders(root) if is_split(path.name)]
    others = sorted(set(below) - set(splits))
    if not splits:
        _refuse_deep_splits(root, below)
        return None
    if others:
        raise ConfigError(
            f"{str(root)!r}: {listed(splits)} in it look like splits, {listed(others)} do not; "
            "put every folder into a split, rename some, or type data.classes=top if each of these "
            "folders is a class"
        )
    return choose(splits, repr(str(root)))


def _folders_with_images(root: Path, images: list[Path]) -> dict[str, set[str]]:
    """Return the names of the folders in `root`, and in each of these, that lead to images."""
    below: dict[str, set[str]] = {}
    for path in images:
        top, *rest = path.relative_to(root).parts
        if rest:
            below.setdefault(top, set()).update(rest[:-1][:1])
    return below


def _refuse_deep_splits(root: Path, below: dict[str, set[str]]) -> None:
    """Raise if a folder of `root` holds splits: their test images would be trained on."""
    for top, names in sorted(below.items()):
        splits = sorted(name for name in names if is_split(name))
        if len(splits) > 1 and len(splits) == len(names):
            advice = (
                f"type data.path={str(root / top)!r}"
                if len(below) == 1
                else f"put the classes into the splits ({splits[0]}/{top})"
            )
            raise ConfigError(
                f"{str(root)!r}: {listed(splits)} in {top!r} look like splits; {advice}, or type "
                "data.classes=top if each folder is a class with all that lies in it"
            )
