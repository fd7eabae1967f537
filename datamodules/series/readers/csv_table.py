"""The cells of a .csv file by column."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from manyviews.datamodules.series.readers.names import unique_names
from manyviews.datamodules.series.readers.text import read_text
from manyviews.errors import ConfigError


class Table(NamedTuple):
    """The cells of a file.

    Attributes:
        columns: cells by the name of their column.
        line: number of the line of each row, for messages.
        notes: see `FileContent`.
    """

    columns: dict[str, list[str]]
    line: np.ndarray
    notes: tuple[str, ...]


def read_table(path: Path, *, unnamed: bool) -> Table:
    """Return the cells below each name of the header.

    Args:
        path: the file.
        unnamed: True leaves out columns without a name.

    Raises:
        ConfigError: it cannot be read, rows have another number of cells than the header, or two
            columns have the same name.
    """
    text, notes = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ConfigError(f"{path} cannot be read (line {reader.line_num}: {error})") from error
    if len(rows) < 2:
        raise ConfigError(f"{path} holds no rows under a header")
    header = rows[0][1]
    if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), None)):
        raise ConfigError(f"{path}: its cells stand between {mark!r}; save it with commas")
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise ConfigError(
                f"{path}: row {number} has {len(row)} cells, the header {len(header)}"
            )
    kept = [i for i, name in enumerate(header) if name.strip() or not unnamed]
    names = unique_names([header[i] for i in kept], str(path), "column")
    columns = {name: [row[i] for _, row in rows[1:]] for i, name in zip(kept, names, strict=True)}
    return Table(columns, np.array([number for number, _ in rows[1:]]), notes)
