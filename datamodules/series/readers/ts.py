"""A reader for .ts files, the format of the time series classification archives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from manyviews.datamodules.series.readers.base import FileContent, number_labels
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError

TRAIN, TEST = "_TRAIN", "_TEST"


def read_ts(path: Path) -> FileContent:
    """Read a file; of a pair `X_TRAIN.ts` and `X_TEST.ts` read both, whichever is named.

    Raises:
        ConfigError: the header or a line cannot be read, or the numbers of channels differ.
    """
    # Unchanged by the replacement, and so equal, if the name is not one of a pair.
    pair = [path.with_name(path.name.replace(a, b)) for a, b in ((TEST, TRAIN), (TRAIN, TEST))]
    paths = pair if pair[0] != pair[1] and all(p.is_file() for p in pair) else [path]
    files = [_cases(p) for p in paths]
    cases = [case for file, _ in files for case in file]
    for at, value, _ in cases:
        if len(value) != len(cases[0][1]):
            raise ConfigError(
                f"{at} has {len(value)} channels, {cases[0][0]} has {len(cases[0][1])}"
            )
    declared = files[0][1]  # the classes that the header lists, in its order
    label, classes = number_labels(
        np.array([c for _, _, c in cases], dtype=str), declared, str(path)
    )
    recordings = [
        Recording(torch.from_numpy(value.T), torch.full((value.shape[1],), int(number)), at, at)
        for (at, value, _), number in zip(cases, label, strict=True)
    ]
    channels = tuple(map(str, range(len(cases[0][1]))))
    tested = len(files[1][0]) if len(files) == 2 else 0
    return FileContent(recordings, channels, classes, test_recordings=tested)


Case = tuple[str, np.ndarray, str]  # file and line, values (channels, steps), class


def _cases(path: Path) -> tuple[list[Case], tuple[str, ...] | None]:
    """Return the cases of one file, and the classes that its header names."""
    header: dict[str, list[str]] = {}
    cases: list[Case] = []
    for number, line in _lines(path):
        at = f"{path.name}, line {number}"
        if "data" in header:
            cases.append((at, *_case(at, line, _is_true(header, "classlabel"))))
        elif line.startswith("@"):
            key, *values = line[1:].split()
            header[key.lower()] = values
            _check_header(path, header)
        else:
            raise ConfigError(f"{at}: {line[:40]!r} stands before @data; is {path} a .ts file?")
    if not cases:
        raise ConfigError(f"{path} holds no series: there is nothing after @data")
    return cases, tuple(header["classlabel"][1:]) or None if "classlabel" in header else None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines and their numbers, without empty lines and comments."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith(("#", "%")):
            yield number, line.strip()


def _is_true(header: dict[str, list[str]], key: str) -> bool:
    """Return True if the header says `@key true`."""
    return [value.lower() for value in header.get(key, [])][:1] == ["true"]


def _check_header(path: Path, header: dict[str, list[str]]) -> None:
    """Raise if the header announces something that is not read."""
    for key in ("timestamps", "targetlabel"):
        if _is_true(header, key):
            raise ConfigError(
                f"{path}: @{key} true is not read; store plain values with classes, or an .npz"
            )


def _case(at: str, line: str, labelled: bool) -> tuple[np.ndarray, str]:
    """Return the values (channels, steps) and the class of one line."""
    *parts, label = line.split(":") if labelled else [*line.split(":"), ""]
    try:
        values = [
            [np.nan if v.strip() == "?" else float(v) for v in part.split(",")] for part in parts
        ]
    except ValueError as error:
        raise ConfigError(
            f"{at}: {error}; channels stand between ':', steps between ','"
        ) from error
    lengths = sorted({len(v) for v in values})
    if len(lengths) != 1:
        raise ConfigError(f"{at}: its channels have {lengths} steps; all need the same number")
    return np.array(values, dtype=np.float32), "" if label.strip() == "?" else label.strip()
