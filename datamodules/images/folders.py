"""The index of the images below a folder: splits, classes and groups from names of folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from manyviews.datamodules.file_kind import readable
from manyviews.datamodules.images.group_names import file_groups
from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.index import FileIndex, LabelledFiles
from manyviews.datamodules.images.search import (
    Found,
    ending_counts,
    find,
    unread_notes,
    visible_folders,
)
from manyviews.datamodules.images.split_folders import chosen_splits
from manyviews.datamodules.images.split_names import Chosen, is_split, listed
from manyviews.datamodules.label_text import strip
from manyviews.errors import ConfigError

Classes = Literal["folders", "top", "none"]


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
    chosen = None if classes == "top" else chosen_splits(root, found.images)
    if chosen is not None:
        index = index_of_splits(root, found, chosen, classes, share, empty=empty, group=group)
        return index._replace(notes=(*chosen.notes, *index.notes))
    (files,), notes = _labelled([root], [found], classes, empty)
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
    names = [name for name in chosen[:3] if name is not None]
    below = [found.below(root / name) for name in names]
    notes = []
    if chosen.val is not None and not below[-1].images:
        notes.append(f"{chosen.val!r} holds no image: there is no validation split")
        names, below = names[:-1], below[:-1]
    parts, odd = _labelled([root / name for name in names], below, classes, empty)
    notes += odd
    outside = len(found.images) - sum(len(part.paths) for part in parts)
    if outside:
        unread = f", those in {listed(chosen.unread)} too" if chosen.unread else ""
        notes.append(f"not read: {outside} images outside {listed(names)}{unread}")
    notes += unread_notes(found.rest)
    groups = file_groups([path for part in parts for path in part.paths], root, group)
    if groups is not None:
        rest = iter(groups)
        parts = [part._replace(groups=[*islice(rest, len(part.paths))]) for part in parts]
    if len(parts) == 1:
        return _held_out(root, parts[0], share, notes)
    val = parts[2] if len(parts) > 2 else None
    return FileIndex(parts[0], parts[1], root, notes=tuple(notes), val=val)


def _held_out(root: Path, files: LabelledFiles, share: float, notes: list[str]) -> FileIndex:
    """Return the index after a share is held out, which is told."""
    train, test = hold_out(files, share, root)
    return FileIndex(train, test, root, notes=(*notes, held_out_note(train, test, share)))


def held_out_note(train: LabelledFiles, test: LabelledFiles, share: float) -> str:
    """Return a sentence about the images that are held out."""
    count, total = len(test.paths), len(train.paths) + len(test.paths)
    return f"no test split is given: {count} of {total} images are held out (data.test={share:g})"


def _labelled(
    parts: Sequence[Path], found: Sequence[Found], classes: Classes, empty: bool
) -> tuple[list[LabelledFiles], list[str]]:
    """Return the images below each split folder with their classes, and notes on them.

    The third is the validation split: neither its class folders nor empty ones in it decide
    anything.
    """
    names = [
        _class_folders(*of, classes, empty or i == 2)
        for i, of in enumerate(zip(parts, found, strict=True))
    ]
    filled = {name for part in names[:2] for name in part if name is not None}
    if len(filled) == 1:  # a single class folder tells nothing apart
        notes = [f"the only class folder is {readable(*filled)!r}: no image has a class"]
        filled = set()
    else:
        odd = sorted(name for name in filled if name != _class_name(name))
        notes = [f"the folder {name!r} is class {_class_name(name)!r}" for name in odd]
    every = {name for part in names for name in part if name is not None} if filled else set()
    called: dict[str | None, str] = {name: _class_name(name) for name in every}
    pairs = zip(found, names, strict=True)
    return [LabelledFiles(one.images, [called.get(n) for n in part]) for one, part in pairs], notes


def _class_name(folder: str) -> str:
    return readable(strip(folder))


def _class_folders(part: Path, found: Found, classes: Classes, empty: bool) -> list[str | None]:
    """Return the class folder of each image below a split folder, None beside the folders."""
    if not found.images:
        raise ConfigError(
            f"{str(part)!r} holds no image (.png, .jpg, .tif or another of Pillow's)"
            f"{_but_holds(found.rest)}"
        )
    below = [path.relative_to(part).parts for path in found.images]
    if classes == "none":
        return [None] * len(below)
    names = [parts[0] if len(parts) > 1 else None for parts in below]
    if not empty:
        _refuse_empty(part, {name for name in names if name is not None}, found)
    return names


def _refuse_empty(root: Path, filled: set[str], found: Found) -> None:
    """Raise if a class folder is not among those with images."""
    folders = [path.name for path in visible_folders(root)]
    empty = sorted(set(folders) - filled)
    if empty:
        first = root / empty[0]
        raise ConfigError(
            f"{len(empty)} of {len(folders)} class folders hold no image, {str(first)!r} first"
            f"{_but_holds(found.below(first).rest)}; "
            "remove them, or type data.on_bad_sample=skip"
        )


def _but_holds(rest: Iterable[Path]) -> str:
    kinds = ending_counts(rest)
    return f" but {kinds}, which Pillow does not read" if kinds else ""


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
    splits = [path for path in visible_folders(root) if is_split(path.name)]
    tops = {path for path in visible_folders(root) if path in filled}
    parts = [path for path in splits if path in filled] if tops <= {*splits} and splits else [root]
    folders = [path for part in parts for path in visible_folders(part)]
    outside = [path for path in found.images if path not in inside]
    return Leftovers(found.rest, outside, [path for path in folders if path not in filled])
