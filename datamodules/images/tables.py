"""The index of the images that a table names: one row per image, columns by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from manyviews.datamodules.images.folders import held_out_note
from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.index import FileIndex, LabelledFiles
from manyviews.datamodules.images.split_names import TEST, TRAIN, VAL, choose, is_split, listed
from manyviews.datamodules.images.table_text import Table, read_table
from manyviews.datamodules.label_text import changes, class_names, strip
from manyviews.errors import ConfigError, unknown


class Columns(NamedTuple):
    """Names of the columns; None: nothing is read for it.

    A column that has the name of the default may be missing, and then it is told.

    Attributes:
        file: the file names.
        label: the classes.
        split: the splits.
        group: the patient, video or object that an image shows.
    """

    file: str = "file"
    label: str | None = "label"
    split: str | None = "split"
    group: str | None = "group"


ABSENT = {  # what it means if a column is missing
    "label": "no image has a class",
    "split": "a share is held out",
    "group": "images have no groups",
}


def index_of_table(path: Path, root: Path, share: float, columns: Columns) -> FileIndex:
    """Return the index of a CSV with a header.

    Args:
        path: the CSV.
        root: folder for relative file names.
        share: share of the rows to hold out if no column names the test split.
        columns: names of the columns.

    Raises:
        ConfigError: the file is no CSV, a column is missing, there are no rows, or a row has
            another length, no file name or an unknown split.
    """
    table = read_table(path)
    notes = [*table.notes, *_check_columns(table, columns)]
    texts = table.column(columns.label)
    if texts is not None:
        notes += [f"column {columns.label!r}: {change}" for change in changes(texts)]
    groups = table.column(columns.group)
    files = LabelledFiles(
        _paths(table, columns.file, root),
        [None] * len(table.rows) if texts is None else class_names(texts),
        None if groups is None else class_names(groups),
    )
    if groups is not None:
        notes += [
            f"column {columns.group!r}: {c.replace('label', 'group')}" for c in changes(groups)
        ]
    return _split(table, files, root, share, columns.split, notes)


def _check_columns(table: Table, columns: Columns) -> list[str]:
    """Return sentences about default columns that are missing; raise if another one is."""
    default, missing = Columns(), []
    for key, name in columns._asdict().items():
        if name is None:
            continue
        held = table.header.count(name)
        if held > 1:
            raise ConfigError(
                f"{table.path}: {held} columns are called {name!r}; rename all but one"
            )
        if held == 0:
            if key == "file" or name != getattr(default, key):
                wrong = unknown(f"column of {table.path}", name, table.header)
                raise ConfigError(f"data.{key}: {wrong}")
            missing.append(f"no column {name!r} ({ABSENT[key]})")
    said = f"{table.path.name} has {', '.join(missing)}; its columns are {', '.join(table.header)}"
    return [said] if missing else []


def _paths(table: Table, column: str, root: Path) -> list[Path]:
    """Return the path that each row names."""
    paths = []
    for number, name in zip(table.numbers, table.column(column) or [], strict=True):
        bare = strip(name)
        if not bare:
            raise ConfigError(f"{table.path} row {number}: {column} is empty; name an image")
        # A blank may belong to the name.
        path = root / name
        paths.append(path if name == bare or path.exists() else root / bare)
    return paths


def _split(
    table: Table,
    files: LabelledFiles,
    root: Path,
    share: float,
    column: str | None,
    notes: list[str],
) -> FileIndex:
    """Return the index with the splits that a column names, or with a share held out."""
    splits = table.column(column)
    if splits is None:
        return _hold_out(files, share, root, notes)
    for number, name in zip(table.numbers, splits, strict=True):
        if not is_split(name):
            raise ConfigError(
                f"{table.path} row {number}: {column}={name!r}; allowed: train, val, test "
                f"({', '.join((*TRAIN[1:], *TEST[1:], *VAL[1:]))})"
            )
    splits = [strip(name).lower() for name in splits]
    chosen = choose(splits, f"{table.path}: column {column!r}")
    if chosen.unread:
        count = sum(name in chosen.unread for name in splits)
        notes = [*notes, f"not read: {count} rows of the splits {listed(chosen.unread)}"]
    notes = [*notes, *chosen.notes]
    train, test, val = (
        files.rows([i for i, name in enumerate(splits) if name == part]) for part in chosen[:3]
    )
    if chosen.test is None:
        return _hold_out(train, share, root, notes)
    own = None if chosen.val is None else val
    return FileIndex(train, test, notes=tuple(notes), val=own, root=root)


def _hold_out(files: LabelledFiles, share: float, root: Path, notes: list[str]) -> FileIndex:
    train, test = hold_out(files, share, root)
    notes = [*notes, held_out_note(train, test, share)]
    return FileIndex(train, test, notes=tuple(notes), root=root)
