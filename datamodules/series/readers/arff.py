"""A reader for .arff files of the time series classification archives.

Series of one channel are a row of numbers and a class. Those of several channels are a quoted
relational attribute, in which a backslash and an n stand between channels; scipy and Weka's Python
readers do not read these.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from manyviews.datamodules.series.readers.base import FileContent
from manyviews.datamodules.series.readers.cases import Case, CaseFile, read_cases
from manyviews.datamodules.series.readers.float32 import parse
from manyviews.datamodules.series.readers.text import lines_of, read_text
from manyviews.errors import ConfigError

ATTRIBUTE = re.compile(r"""@attribute\s+('[^']*'|"[^"]*"|\S+?)\s*(\{.*\}|\s\S.*)""", re.IGNORECASE)
RELATIONAL = re.compile(r"""(['"])(.*)\1(?:\s*,(.*))?""")
NUMBERS = "numeric", "real", "integer"
TARGETS = "target", "class", "label"  # names of a last attribute that is no step
MISSING = "?", "nan"


def read_arff(path: Path) -> FileContent:
    """Read a file; of a pair `X_TRAIN.arff` and `X_TEST.arff` read both, whichever is named.

    Raises:
        ConfigError: the header or a line cannot be read, or the numbers of channels differ.
    """
    return read_cases(path, _read)


def _read(path: Path) -> CaseFile:
    """Return the content of one file."""
    text, notes = read_text(path)
    attributes: list[tuple[str, str]] = []  # name and type of those outside a relational one
    cases: list[Case] = []
    inside = data = False
    for number, line in enumerate(map(str.strip, lines_of(text)), 1):
        at, word = f"{path.name}, line {number}", line.split(maxsplit=1)[:1]
        if not line or line.startswith("%"):
            continue
        key = word[0].lower()
        if data:
            cases.append(_case(at, line, attributes))
        elif key == "@attribute":
            name, kind = _attribute(at, line)
            attributes += [] if inside else [(name, kind)]
            inside = inside or kind.lower() == "relational"
        elif key == "@end":
            inside = False
        elif key == "@data":
            data = True
        elif key != "@relation":
            raise ConfigError(
                f"{at}: {line[:40]!r} stands before @data; is {str(path)!r} an .arff file?"
            )
    if not cases:
        raise ConfigError(f"{path} holds no series: there is nothing after @data")
    classes = _classes(attributes[-1][1])
    if classes is None and _has_target(attributes):
        said = f"{path.name}: its targets are numbers, not classes: every label is unknown"
        notes = (*notes, said)
    return CaseFile(cases, classes, notes)


def _attribute(at: str, line: str) -> tuple[str, str]:
    """Return name and type of an attribute: "numeric", "relational" or "{class,class}"."""
    found = ATTRIBUTE.fullmatch(line)
    kind = found[2].strip() if found else ""
    if not found or not (kind.startswith("{") or kind.lower() in (*NUMBERS, "relational")):
        raise ConfigError(
            f"{at}: {line[:60]!r}; allowed: @attribute NAME numeric, relational or {{CLASS,CLASS}}"
        )
    return found[1].strip("'\""), kind


def _classes(kind: str) -> tuple[str, ...] | None:
    """Return the classes of a type such as "{up,down}", None for another type."""
    if not kind.startswith("{"):
        return None
    return tuple(name.strip().strip("'\"") for name in kind.strip("{}").split(","))


def _has_target(attributes: list[tuple[str, str]]) -> bool:
    """Return True if the last attribute is the class or the target of a series."""
    name, kind = attributes[-1]
    behind_series = len(attributes) > 1 and attributes[0][1].lower() == "relational"
    return kind.startswith("{") or behind_series or name.lower() in TARGETS


def _case(at: str, line: str, attributes: list[tuple[str, str]]) -> Case:
    """Return the series of one line."""
    if not attributes or any(kind.startswith("{") for _, kind in attributes[:-1]):
        raise ConfigError(f"{at}: only numbers and a last class are read, as the archive has them")
    if attributes[0][1].lower() == "relational":
        found = RELATIONAL.fullmatch(line)
        if not found:
            raise ConfigError(f"{at}: expected a series in quotes, then its class")
        parts, label = found[2].split("\\n"), found[3] or ""
    else:
        cells = line.split(",")
        if len(cells) != len(attributes):
            raise ConfigError(f"{at} has {len(cells)} values, the header {len(attributes)}")
        label = cells.pop() if _has_target(attributes) else ""
        parts = [",".join(cells)]
    try:
        values = [parse(part.split(","), MISSING) for part in parts]
    except ValueError as error:
        raise ConfigError(f"{at}: {error}; steps stand between ','") from error
    lengths = sorted({len(v) for v in values})
    if len(lengths) != 1:
        raise ConfigError(f"{at}: its channels have {lengths} steps; all need the same number")
    name = label.strip().strip("'\"")
    known = attributes[-1][1].startswith("{") and name != "?"
    return Case(at, np.stack(values), name if known else "")
