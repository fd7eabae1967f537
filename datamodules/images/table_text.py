"""The text of a table: rows under a header, separated by commas, semicolons or tabs."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import NamedTuple

from manyviews.datamodules.file_kind import odd_kind
from manyviews.datamodules.label_text import strip
from manyviews.errors import ConfigError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Table(NamedTuple):
    """A table as text.

    Attributes:
        path: its file.
        header: names of the columns, without blanks around them.
        rows: cells of each row, as many as the header has.
        numbers: number of each row in a spreadsheet, where the header is row 1.
        notes: sentences about what was read differently than written.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    notes: tuple[str, ...]

    def column(self, name: str | None) -> list[str] | None:
        """Return the cells of a column, None if there is no such column."""
        if name is None or name not in self.header:
            return None
        at = self.header.index(name)
        return [row[at] for row in self.rows]


def read_table(path: Path) -> Table:
    """Read a CSV; each row has to have the cells of the header, empty ones at its end aside.

    Raises:
        ConfigError: it is no text file, has no header or no rows, or a row is too long.
    """
    if kind := odd_kind(path):
        raise ConfigError(f"data.path={path} is {kind}; type the path of a CSV file")
    text, notes = _text(path)
    try:
        cells = [*csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))]
    except csv.Error as error:
        raise ConfigError(f"data.path={path} cannot be read as a CSV ({error})") from error
    filled = [(number, row) for number, row in enumerate(cells, 1) if row]
    if not filled:
        raise ConfigError(f"data.path={path} is empty; a header and rows are expected")
    header = [strip(name) for name in filled[0][1]]
    if len(filled) == 1:
        raise ConfigError(f"data.path={path} has a header but no rows")
    rows = []
    for number, row in filled[1:]:
        if any(row[len(header) :]):
            raise ConfigError(f"{path} row {number} does not fit the columns {', '.join(header)}")
        rows.append([*row[: len(header)], *[""] * (len(header) - len(row))])
    return Table(path, header, rows, [number for number, _ in filled[1:]], notes)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file in UTF-8, UTF-16 with its mark, or cp1252, and a note on it."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(f"data.path={path} cannot be read as a CSV ({error})") from error
    try:
        if content.startswith(UTF_16):
            return content.decode("utf-16"), ()
        if (at := content.find(b"\0")) >= 0:
            line = content.count(b"\n", 0, at) + 1
            raise ConfigError(
                f"data.path={path} is no CSV: there is a NUL byte in line {line}; save it as CSV "
                "(UTF-8)"
            )
        return content.decode("utf-8-sig"), ()  # skips the byte order mark that Excel writes
    except UnicodeDecodeError:
        pass
    try:  # what Excel writes on Windows in western countries
        return content.decode("cp1252"), (f"{path.name} is not UTF-8: read as cp1252",)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"data.path={path} cannot be read as a CSV ({error}); save it as CSV (UTF-8)"
        ) from error


def _delimiter(text: str) -> str:
    """Return what separates the names of the header: a comma, if there is one."""
    header = text.lstrip().partition("\n")[0]
    return next((mark for mark in ",;\t" if mark in header), ",")
