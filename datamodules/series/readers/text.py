"""The text of a file, whatever wrote it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from manyviews.errors import ConfigError

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, and a sentence if it is not in UTF-8.

    A byte order mark, as Excel and Notepad write it, chooses UTF-8 or UTF-16. Bytes that are no
    UTF-8 are read as Windows-1252, in which older programs write names with accents.

    Raises:
        ConfigError: the file cannot be read, or is no text.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    encoding = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text, notes = raw.decode(encoding), ()
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise ConfigError(f"{path} cannot be read ({error})") from error
        text = raw.decode("cp1252", errors="replace")
        line = raw[: error.start].count(b"\n") + 1
        notes = (f"{path.name} is not in UTF-8 (line {line}): it is read as Windows-1252",)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{path}: line {line} holds a NUL; the file is damaged, or is no text")
    return text, notes


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, however they end; other than `splitlines`, at nothing else."""
    return re.split(r"\r\n|\r|\n", text)
