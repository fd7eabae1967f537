"""A reader for .ts files, the format of the time series classification archives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from manyviews.datamodules.series.readers.base import FileContent
from manyviews.datamodules.series.readers.cases import Case, CaseFile, read_cases
from manyviews.datamodules.series.readers.float32 import parse
from manyviews.datamodules.series.readers.text import lines_of, read_text
from manyviews.errors import ConfigError

MISSING = "?", "nan"
Header = dict[str, list[str]]


def read_ts(path: Path) -> FileContent:
    """Read a file; of a pair `X_TRAIN.ts` and `X_TEST.ts` read both, whichever is named.

    Raises:
        ConfigError: the header or a line cannot be read, or the numbers of channels differ.
    """
    return read_cases(path, _read)


def _read(path: Path) -> CaseFile:
    """Return the content of one file."""
    text, notes = read_text(path)
    header: Header = {}
    cases: list[Case] = []
    for number, line in enumerate(map(str.strip, lines_of(text)), 1):
        at = f"{path.name}, line {number}"
        if not line or line.startswith(("#", "%")):
            continue
        if "data" in header:
            cases.append(_case(at, line, header))
        elif line.startswith("@") and line[1:].split():
            key, *values = line[1:].split()
            header[key.lower()] = values
            _check_header(path, header)
        else:
            raise ConfigError(
                f"{at}: {line[:40]!r} stands before @data; is {str(path)!r} a .ts file?"
            )
    if not cases:
        raise ConfigError(f"{path} holds no series: there is nothing after @data")
    classes = tuple(header.get("classlabel", [])[1:]) or None
    return CaseFile(cases, classes, (*notes, *_differences(path, header, cases)))


def _is_true(header: Header, key: str) -> bool:
    """Return True if the header says `@key true`."""
    return [value.lower() for value in header.get(key, [])][:1] == ["true"]


def _check_header(path: Path, header: Header) -> None:
    """Raise if the header announces something that is not read."""
    if _is_true(header, "timestamps"):
        raise ConfigError(
            f"{path}: @timestamps true is not read; store plain values, or write a .csv with the "
            "column t"
        )


def _case(at: str, line: str, header: Header) -> Case:
    """Return the series of one line."""
    labelled, target = _is_true(header, "classlabel"), _is_true(header, "targetlabel")
    *parts, label = line.split(":") if labelled or target else [*line.split(":"), ""]
    try:
        values = [parse(part.split(","), MISSING) for part in parts]
    except ValueError as error:
        raise ConfigError(
            f"{at}: {error}; channels stand between ':', steps between ','"
        ) from error
    lengths = sorted({len(v) for v in values})
    if len(lengths) != 1:
        raise ConfigError(f"{at}: its channels have {lengths} steps; all need the same number")
    known = labelled and label.strip() != "?"
    return Case(at, np.stack(values), label.strip() if known else "")


def _differences(path: Path, header: Header, cases: list[Case]) -> list[str]:
    """Return a sentence for each way in which the series are not what the header says."""
    said = []
    if _is_true(header, "targetlabel"):
        said.append(
            f"{path.name}: its targets are numbers, not classes (@targetlabel true): every label "
            "is unknown"
        )
    channels, steps = len(cases[0].value), {case.value.shape[1] for case in cases}
    for key, unit, found in (
        ("dimensions", "channels", {channels}),
        ("dimension", "channels", {channels}),
        ("serieslength", "steps", steps),
    ):
        told = " ".join(header.get(key, []))
        if told.isdecimal() and found != {int(told[:18])}:
            have = " to ".join(map(str, sorted({min(found), max(found)})))
            said.append(f"{path.name}: the header says {told} {unit}, the series have {have}")
    if _is_true(header, "equallength") and len(steps) > 1:
        said.append(f"{path.name}: the header says @equalLength true, and lengths differ")
    return said
