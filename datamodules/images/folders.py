"""The index of the images below a folder: splits, classes and groups from names of folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from manyviews.datamodules.file_kind import odd_kind, readable
from manyviews.datamodules.images.decode import extensions
from manyviews.datamodules.images.group_names import file_groups
from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.index import FileIndex, LabelledFiles
from manyviews.datamodules.images.split_names import Chosen, choose, is_split, listed
from manyviews.datamodules.label_text import strip
from manyviews.errors import ConfigError

Classes = Literal["folders", "top", "none"]


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
        return Found(*([path for path in part if folder in path.parents] for part in self))


def index_of_folder(
    root: Path, classes: Classes, share: float, *, empty: bool, group: str | None = None
) -> FileIndex:
    """Return the images below a folder; sub-folders that are named for splits are the splits.

    Args:
        root: the folder.
        classes: "folders" if the first folder below a split is the class; "top" if every folder in
            `root` is a class, even one that is called train; "none" if folders are no classes.
        share: share of the images to hold out if there is no folder for the test split.
        empty: True if a class folder may hold no image.
        group: regular expression on the path of a file below `root`, with / between folders; its
            first bracket is the name of the group. None: there are no groups.

    Raises:
        ConfigError: there is no folder or no image, a class folder is empty, or it is not clear
            which folders are splits.
    """
    if not root.is_dir():
        raise ConfigError(f"data.path={str(root)!r} is not a folder; type data.path=FOLDER")
    found = find(root)
    chosen = None if classes == "top" else _chosen_splits(root, found.images)
    if chosen is not None:
        return index_of_splits(root, found, chosen, classes, share, empty=empty, group=group)
    files, notes = _labelled(root, found, classes, empty)
    files = files._replace(groups=file_groups(files.paths, root, group))
    return _held_out(root, files, share, [*notes, *unread_notes(found.rest)])


def index_of_splits(
    root: Path,
    found: Found,
    chosen: Chosen,
    classes: Classes,
    share: float,
    *,
    empty: bool,
    group: str | None = None,
) -> FileIndex:
    """Return the images below the split folders of `root`.

    Args:
        root: the folder that holds the splits.
        found: all files below it.
        chosen: names of the split folders.
        classes: as in `index_of_folder`, like the other arguments.
        share: share of the images to hold out if no test split is chosen.
        empty: True if a class folder may hold no image.
        group: regular expression for the groups.
    """
    names = [name for name in (chosen.train, chosen.test) if name is not None]
    parts, notes = [], []
    for name in names:
        files, more = _labelled(root / name, found.below(root / name), classes, empty)
        parts.append(files)
        notes += more
    outside = len(found.images) - sum(len(part.paths) for part in parts)
    if outside:
        unread = f", those in {listed(chosen.unread)} too" if chosen.unread else ""
        notes.append(f"not read: {outside} images outside {listed(names)}{unread}")
    notes += unread_notes(found.rest)
    groups = file_groups([path for part in parts for path in part.paths], root, group)
    if groups is not None:
        first = len(parts[0].paths)
        halves = (groups[:first], groups[first:])
        parts = [part._replace(groups=half) for part, half in zip(parts, halves, strict=False)]
    if len(parts) == 1:
        return _held_out(root, parts[0], share, notes)
    return FileIndex(parts[0], parts[1], root, notes=tuple(notes))


def _held_out(root: Path, files: LabelledFiles, share: float, notes: list[str]) -> FileIndex:
    """Return the index after a share is held out, which is told."""
    train, test = hold_out(files, share, root)
    return FileIndex(train, test, root, notes=(*notes, held_out_note(train, test, share)))


def held_out_note(train: LabelledFiles, test: LabelledFiles, share: float) -> str:
    """Return a sentence about the images that are held out."""
    count, total = len(test.paths), len(train.paths) + len(test.paths)
    return f"no test split is given: {count} of {total} images are held out (data.test={share:g})"


def _chosen_splits(root: Path, images: list[Path]) -> Chosen | None:
    """Return the folders of the splits, None if there are no such folders.

    Raises:
        ConfigError: some folders look like splits, others with images do not; or folders that look
            like splits lie one level too deep.
    """
    below = _folders_with_images(root, images)
    splits = [path.name for path in _folders(root) if is_split(path.name)]
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


def find(*folders: Path) -> Found:
    """Return all files below these folders; names that begin with a dot do not count."""
    suffixes = extensions()
    files = [path for folder in folders for path in _walk(folder, frozenset())]
    images = [path for path in files if path.suffix.lower() in suffixes]
    return Found(images, [path for path in files if path.suffix.lower() not in suffixes])


def _labelled(
    part: Path, found: Found, classes: Classes, empty: bool
) -> tuple[LabelledFiles, list[str]]:
    """Return the images below a split folder with their classes, and notes on them."""
    images = found.images
    if not images:
        raise ConfigError(
            f"{str(part)!r} holds no image (.png, .jpg, .tif or another of Pillow's)"
            f"{_but_holds(found.rest)}"
        )
    parts = [path.relative_to(part).parts for path in images]
    names = [p[0] if len(p) > 1 and classes != "none" else None for p in parts]
    filled = {name for name in names if name is not None}
    if classes != "none" and not empty:
        _refuse_empty(part, filled, found)
    if len(filled) <= 1:  # a single class folder tells nothing apart
        single = [f"the only class folder is {name!r}: no image has a class" for name in filled]
        return LabelledFiles(images, [None] * len(images)), single
    bare = {name: readable(strip(name)) for name in filled}
    changed = [name for name, text in sorted(bare.items()) if text != name]
    notes = [f"the folder {name!r} is class {bare[name]!r}" for name in changed]
    return LabelledFiles(images, [None if n is None else bare[n] for n in names]), notes


def _refuse_empty(root: Path, filled: set[str], found: Found) -> None:
    """Raise if a class folder is not among those with images."""
    folders = [path.name for path in _folders(root)]
    empty = sorted(set(folders) - filled)
    if empty:
        first = root / empty[0]
        raise ConfigError(
            f"{len(empty)} of {len(folders)} class folders hold no image, {str(first)!r} first"
            f"{_but_holds(found.below(first).rest)}; "
            "remove them, or type data.on_bad_sample=skip"
        )


def unread_notes(rest: Iterable[Path]) -> list[str]:
    """Return a sentence with the number of files that are no images by their ending, if any."""
    kinds = ending_counts(rest)
    return [f"not read: {kinds}"] if kinds else []


def _but_holds(rest: Iterable[Path]) -> str:
    kinds = ending_counts(rest)
    return f" but {kinds}, which Pillow does not read" if kinds else ""


def ending_counts(paths: Iterable[Path]) -> str:
    """Return how many files have which ending, as in "50 .heic, 2 without ending"."""
    counts = Counter(
        odd_kind(path) or readable(path.suffix.lower()) or "without ending" for path in paths
    )
    return ", ".join(
        f"{count} {kind.removeprefix('a ')}{'s' if kind[:2] == 'a ' and count > 1 else ''}"
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


class Leftovers(NamedTuple):
    """The files and folders in a data folder that are not part of its index.

    Attributes:
        not_images: files without the ending of an image format.
        outside: images outside the folders of the splits.
        empty: class folders that hold no image.
    """

    not_images: list[Path]
    outside: list[Path]
    empty: list[Path]


def leftovers(root: Path, indexed: Sequence[Path]) -> Leftovers:
    """Return what `index_of_folder` left out; names that begin with a dot do not count."""
    found = find(root)
    inside = set(indexed)
    filled = {parent for path in inside for parent in path.parents}
    splits = [path for path in _folders(root) if is_split(path.name)]
    tops = {path for path in _folders(root) if path in filled}
    parts = [path for path in splits if path in filled] if tops <= {*splits} and splits else [root]
    folders = [path for part in parts for path in _folders(part)]
    outside = [path for path in found.images if path not in inside]
    return Leftovers(found.rest, outside, [path for path in folders if path not in filled])


def _folders(root: Path) -> list[Path]:
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
