"""Which files a folder or a table names, with their classes and splits."""

from __future__ import annotations

import csv
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from manyviews.datamodules.images.decode import extensions
from manyviews.errors import ConfigError, unknown

Classes = Literal["folders", "none"]
TEST_FOLDERS = ("test", "val", "valid", "validation")


class Listed(NamedTuple):
    """Files of one split and the names of their classes, None where unknown."""

    paths: list[Path]
    classes: list[str | None]

    def rows(self, rows: list[int]) -> Listed:
        """Some of them."""
        return Listed([self.paths[i] for i in rows], [self.classes[i] for i in rows])


class Listing(NamedTuple):
    """All files of a data set, also those that cannot be used.

    Attributes:
        train: of the training split.
        test: of the test split.
        folder: whose images they all are; None where something else names the files.
    """

    train: Listed
    test: Listed
    folder: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """Train, then test."""
        return [*self.train.paths, *self.test.paths]


def splits_of_folder(
    root: Path, classes: Classes, share: float, *, empty: bool
) -> tuple[Listed, Listed]:
    """Train and test split: sub-folders of these names, else a share is held out.

    Args:
        root: the folder.
        classes: whether the first folder below a split is the class.
        share: of the images that is held out where there is no folder for the test split.
        empty: whether a class folder may hold no image.

    Raises:
        ConfigError: no folder, no image, or an empty class folder.
    """
    if not root.is_dir():
        raise ConfigError(f"data.path={str(root)!r} is not a folder; type data.path=FOLDER")
    parts = [_below(part, classes, empty) for part in _split_folders(root)]
    return (parts[0], parts[1]) if len(parts) == 2 else hold_out(parts[0], share, root)


def _split_folders(root: Path) -> list[Path]:
    """Those of train and test, or the folder itself."""
    named = next((root / name for name in TEST_FOLDERS if (root / name).is_dir()), None)
    return [root / "train", named] if (root / "train").is_dir() and named else [root]


class Beside(NamedTuple):
    """What a folder holds besides the listed images.

    Attributes:
        strange: files that are no images by their names.
        outside: images outside the folders of the splits.
        empty: folders at the place of a class that hold no image.
    """

    strange: list[Path]
    outside: list[Path]
    empty: list[Path]


def beside(root: Path, listed: Sequence[Path]) -> Beside:
    """What of a folder `splits_of_folder` left out; names that begin with a dot do not count."""
    suffixes, inside = extensions(), set(listed)
    left = [path for path in _walk(root, frozenset()) if path not in inside]
    outside = [path for path in left if path.suffix.lower() in suffixes]
    filled = {parent for path in inside for parent in path.parents}
    folders = [path for part in _split_folders(root) for path in _folders(part)]
    strange = sorted(set(left) - set(outside))
    return Beside(strange, outside, [path for path in folders if path not in filled])


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _below(root: Path, classes: Classes, empty: bool) -> Listed:
    """Every image below a folder, in the order of the names."""
    suffixes = extensions()
    paths = [path for path in _walk(root, frozenset()) if path.suffix.lower() in suffixes]
    if not paths:
        raise ConfigError(f"{str(root)!r} holds no image (.png, .jpg, .tif or another of Pillow's)")
    parts = [path.relative_to(root).parts for path in paths]
    names = [p[0] if len(p) > 1 and classes == "folders" else None for p in parts]
    filled = {name for name in names if name is not None}
    if classes == "folders" and not empty:
        _refuse_empty(root, filled)
    return Listed(paths, [name if len(filled) > 1 else None for name in names])


def _walk(folder: Path, above: frozenset[str]) -> list[Path]:
    """Files at any depth in the order of their names; links are followed, but in no circle."""
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
    folders = [path.name for path in _folders(root)]
    empty = sorted(set(folders) - filled)
    if empty:
        raise ConfigError(
            f"{len(empty)} of {len(folders)} class folders hold no image, "
            f"{str(root / empty[0])!r} first; remove them, or type data.on_bad_sample=skip"
        )


def splits_of_table(
    path: Path, root: Path, share: float, *, file: str, label: str, split: str
) -> tuple[Listed, Listed]:
    """Train and test split of a CSV with a header.

    Args:
        path: the CSV.
        root: folder that relative file names begin in.
        share: of the rows that is held out where no column names the split.
        file: column of the file names.
        label: column of the classes, may be missing; an empty cell is unknown.
        split: column with "train" and "test", may be missing.

    Raises:
        ConfigError: not a CSV, no such column, no rows, a row of another length or split.
    """
    rows = _rows(path, file)
    listed = Listed(
        [root / row[file] for row in rows], [row.get(label, "").strip() or None for row in rows]
    )
    if split not in rows[0]:
        return hold_out(listed, share, root)
    for number, row in enumerate(rows, 2):
        if row[split] not in ("train", "test"):
            raise ConfigError(f"{path} row {number}: {split}={row[split]!r}; allowed: train, test")
    train, test = (
        listed.rows([i for i, row in enumerate(rows) if row[split] == part])
        for part in ("train", "test")
    )
    return train, test


def _rows(path: Path, file: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restkey="", restval="")
            rows, columns = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"data.path={path} is no CSV that can be read ({error})") from error
    if file not in columns:
        raise unknown(f"column of {path}", file, columns)
    if not rows:
        raise ConfigError(f"data.path={path} has a header and no row")
    for number, row in enumerate(rows, 2):
        if not row[file] or len(row) > len(columns):
            raise ConfigError(f"{path} row {number} does not fit the columns {', '.join(columns)}")
    return rows


def hold_out(listed: Listed, share: float, root: Path) -> tuple[Listed, Listed]:
    """Train and test split: of every class the share whose names hash lowest.

    What is held out depends neither on the order of the files nor on where the folder lies, and
    hardly on files that are added later.

    Raises:
        ConfigError: a share outside (0, 0.5], or too few files.
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"data.test={share}; allowed: above 0, up to 0.5")
    names = [os.fsencode(os.path.relpath(path, root)) for path in listed.paths]
    by_class: dict[str | None, list[int]] = {}
    for row in sorted(range(len(names)), key=lambda i: (zlib.crc32(names[i]), names[i])):
        by_class.setdefault(listed.classes[row], []).append(row)
    held: set[int] = set()
    for rows in by_class.values():  # a class of one stays in training
        held.update(rows[: min(max(1, round(len(rows) * share)), len(rows) - 1)])
    train = [row for row in range(len(names)) if row not in held]
    if not held:
        raise ConfigError(f"{str(root)!r}: {len(names)} images are too few to hold some out")
    return listed.rows(train), listed.rows(sorted(held))
