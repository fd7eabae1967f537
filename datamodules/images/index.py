"""The index of a data set of files: paths, classes and splits, from a folder or a table."""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

from manyviews.datamodules.images.decode import extensions
from manyviews.errors import ConfigError, unknown

Classes = Literal["folders", "none"]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]
TEST_FOLDERS = ("test", "val", "valid", "validation")  # the first that exists is the test split


def relative(path: Path, folder: str | Path) -> str:
    """Return the name of a file from a folder, with slashes on every system.

    Names are hashed and stored, and a data set can move between systems.
    """
    return PurePath(os.path.relpath(path, folder)).as_posix()


class LabelledFiles(NamedTuple):
    """Files of one split and the names of their classes, None if unknown."""

    paths: list[Path]
    classes: list[str | None]

    def rows(self, rows: list[int]) -> LabelledFiles:
        """Return these rows alone."""
        return LabelledFiles([self.paths[i] for i in rows], [self.classes[i] for i in rows])


class FileIndex(NamedTuple):
    """All files of a data set, even those that will turn out to be unusable.

    Attributes:
        train: files of the training split.
        test: files of the test split.
        folder: the folder whose images these all are; None if something else names the files.
        dataset: name of the data set; empty if it is that of the function that returns the index.
        statistics: mean and standard deviation per channel; None: those of the training images.
    """

    train: LabelledFiles
    test: LabelledFiles
    folder: Path | None = None
    dataset: str = ""
    statistics: Statistics | None = None

    @property
    def paths(self) -> list[Path]:
        """Paths of the training split, then those of the test split."""
        return [*self.train.paths, *self.test.paths]


def splits_of_folder(
    root: Path, classes: Classes, share: float, *, empty: bool
) -> tuple[LabelledFiles, LabelledFiles]:
    """Return train and test split: the sub-folders of these names, else a share is held out.

    Args:
        root: the folder.
        classes: "folders" if the first folder below a split is the class.
        share: share of the images to hold out if there is no folder for the test split.
        empty: True if a class folder may hold no image.

    Raises:
        ConfigError: there is no folder, no image, or a class folder is empty.
    """
    if not root.is_dir():
        raise ConfigError(f"data.path={str(root)!r} is not a folder; type data.path=FOLDER")
    parts = [_files_below(part, classes, empty) for part in _split_folders(root)]
    return (parts[0], parts[1]) if len(parts) == 2 else hold_out(parts[0], share, root)


def _split_folders(root: Path) -> list[Path]:
    """Return the folders of the two splits, or the folder itself."""
    named = next((root / name for name in TEST_FOLDERS if (root / name).is_dir()), None)
    return [root / "train", named] if (root / "train").is_dir() and named else [root]


class Leftovers(NamedTuple):
    """The files and folders in a data folder that are not part of its index.

    Attributes:
        not_images: files without the suffix of an image format.
        outside: images outside the folders of the splits.
        empty: class folders that hold no image.
    """

    not_images: list[Path]
    outside: list[Path]
    empty: list[Path]


def leftovers(root: Path, indexed: Sequence[Path]) -> Leftovers:
    """Return what `splits_of_folder` left out; names that begin with a dot do not count."""
    suffixes, inside = extensions(), set(indexed)
    left = [path for path in _walk(root, frozenset()) if path not in inside]
    outside = [path for path in left if path.suffix.lower() in suffixes]
    filled = {parent for path in inside for parent in path.parents}
    folders = [path for part in _split_folders(root) for path in _folders(part)]
    not_images = sorted(set(left) - set(outside))
    return Leftovers(not_images, outside, [path for path in folders if path not in filled])


def _folders(root: Path) -> list[Path]:
    """Return the visible sub-folders, sorted by name."""
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files_below(root: Path, classes: Classes, empty: bool) -> LabelledFiles:
    """Return every image below a folder, sorted by name, with its class."""
    suffixes = extensions()
    paths = [path for path in _walk(root, frozenset()) if path.suffix.lower() in suffixes]
    if not paths:
        raise ConfigError(f"{str(root)!r} holds no image (.png, .jpg, .tif or another of Pillow's)")
    parts = [path.relative_to(root).parts for path in paths]
    names = [p[0] if len(p) > 1 and classes == "folders" else None for p in parts]
    filled = {name for name in names if name is not None}
    if classes == "folders" and not empty:
        _refuse_empty(root, filled)
    # A single class folder tells nothing apart: its images count as unlabelled.
    return LabelledFiles(paths, [name if len(filled) > 1 else None for name in names])


def _walk(folder: Path, above: frozenset[str]) -> list[Path]:
    """Return the files at any depth, sorted by name; links are followed, but never in a circle.

    Args:
        folder: where to begin.
        above: real paths of the folders that lead here.
    """
    # A link to one of these folders would lead into a circle.
    above |= {os.path.realpath(folder)}
    files: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            files.append(path)
        elif os.path.realpath(path) not in above:
            files += _walk(path, above)
    return files


def _refuse_empty(root: Path, filled: set[str]) -> None:
    """Raise if a class folder is not among those with images."""
    folders = [path.name for path in _folders(root)]
    empty = sorted(set(folders) - filled)
    if empty:
        raise ConfigError(
            f"{len(empty)} of {len(folders)} class folders hold no image, "
            f"{str(root / empty[0])!r} first; remove them, or type data.on_bad_sample=skip"
        )


def splits_of_table(
    path: Path, root: Path, share: float, *, file: str, label: str, split: str
) -> tuple[LabelledFiles, LabelledFiles]:
    """Return train and test split of a CSV with a header.

    Args:
        path: the CSV.
        root: folder for relative file names.
        share: share of the rows to hold out if no column names the split.
        file: column of the file names.
        label: column of the classes; it may be missing, and an empty cell is unknown.
        split: column with "train" and "test"; it may be missing.

    Raises:
        ConfigError: the file is no CSV, a column is missing, there are no rows, or a row has
            another length or an unknown split.
    """
    rows = _rows(path, file)
    files = LabelledFiles(
        [root / row[file] for row in rows], [row.get(label, "").strip() or None for row in rows]
    )
    if split not in rows[0]:
        return hold_out(files, share, root)
    for number, row in enumerate(rows, 2):  # the header is row 1
        if row[split] not in ("train", "test"):
            raise ConfigError(f"{path} row {number}: {split}={row[split]!r}; allowed: train, test")
    train, test = (
        files.rows([i for i, row in enumerate(rows) if row[split] == part])
        for part in ("train", "test")
    )
    return train, test


def _rows(path: Path, file: str) -> list[dict[str, str]]:
    """Read the rows of a CSV and check that each fits the header and names a file."""
    try:
        # Excel writes a byte order mark, which "utf-8-sig" skips.
        with path.open(newline="", encoding="utf-8-sig") as stream:
            # A row that is too long gets the key "", one that is too short empty cells.
            reader = csv.DictReader(stream, restkey="", restval="")
            rows, columns = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"data.path={path} cannot be read as a CSV ({error})") from error
    if file not in columns:
        raise unknown(f"column of {path}", file, columns)
    if not rows:
        raise ConfigError(f"data.path={path} has a header but no rows")
    for number, row in enumerate(rows, 2):  # the header is row 1
        if not row[file] or len(row) > len(columns):
            raise ConfigError(f"{path} row {number} does not fit the columns {', '.join(columns)}")
    return rows


def hold_out(files: LabelledFiles, share: float, root: Path) -> tuple[LabelledFiles, LabelledFiles]:
    """Return train and test split: of every class, the names with the lowest hashes are held out.

    The choice depends neither on the order of the files nor on the place of the folder, and hardly
    changes if files are added later.

    Args:
        files: all files.
        share: share of each class to hold out, in (0, 0.5].
        root: folder to which the hashed names are relative.

    Raises:
        ConfigError: the share is outside (0, 0.5], or there are too few files.
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"data.test={share}; allowed: above 0, up to 0.5")
    # As bytes: the name of a file need not be valid text.
    names = [os.fsencode(relative(path, root)) for path in files.paths]
    by_class: dict[str | None, list[int]] = {}
    # By hash, then by name: the order of the files plays no part.
    for row in sorted(range(len(names)), key=lambda i: (zlib.crc32(names[i]), names[i])):
        by_class.setdefault(files.classes[row], []).append(row)
    held: set[int] = set()
    for rows in by_class.values():  # a class of one stays in training
        held.update(rows[: min(max(1, round(len(rows) * share)), len(rows) - 1)])
    train = [row for row in range(len(names)) if row not in held]
    if not held:
        raise ConfigError(f"{str(root)!r}: {len(names)} images are too few to hold any out")
    return files.rows(train), files.rows(sorted(held))
