"""Files of the time series classification archives: a series and its class on each line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from manyviews.datamodules.series.readers.base import FileContent, number_labels, text_array
from manyviews.datamodules.series.readers.float32 import to_float32
from manyviews.datamodules.series.recordings import Recording
from manyviews.errors import ConfigError

TRAIN, TEST = "_TRAIN", "_TEST"


class Case(NamedTuple):
    """One series.

    Attributes:
        at: file and line.
        value: float64 (C, S), channels by steps.
        label: name of the class, empty if unknown.
    """

    at: str
    value: Float64[np.ndarray, "C S"]
    label: str


class CaseFile(NamedTuple):
    """The content of one file.

    Attributes:
        cases: at least one.
        classes: names of the classes that the header lists; None if it lists none.
        notes: see `FileContent`.
    """

    cases: list[Case]
    classes: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def read_cases(path: Path, read: Callable[[Path], CaseFile]) -> FileContent:
    """Read a file; of a pair such as `X_TRAIN.ts` and `X_TEST.ts` read both, whichever is named.

    Args:
        path: the file.
        read: reads one file.

    Raises:
        ConfigError: a file cannot be read, or the numbers of channels differ.
    """
    paths, notes = _pair(path)
    files = [read(p) for p in paths]
    cases = [case for file in files for case in file.cases]
    count = len(cases[0].value)
    for case in cases:
        if len(case.value) != count:
            raise ConfigError(
                f"{case.at} has {len(case.value)} channels, {cases[0].at} has {count}"
            )
    channels = tuple(map(str, range(count)))
    value, of_values = to_float32(
        np.concatenate([case.value.T for case in cases]), channels, str(path)
    )
    parts = torch.from_numpy(value).split([case.value.shape[1] for case in cases])
    # A class may be listed by one header only.
    declared = [name for file in files for name in file.classes or ()]
    labelled = number_labels(
        text_array([case.label for case in cases], str(path)),
        tuple(dict.fromkeys(declared)) or None,
        str(path),
    )
    recordings = [
        Recording(part, torch.full((len(part),), int(number)), case.at, case.at)
        for part, number, case in zip(parts, labelled.label, cases, strict=True)
    ]
    return FileContent(
        recordings,
        channels,
        labelled.classes,
        test_recordings=len(files[1].cases) if len(files) == 2 else 0,
        notes=(
            *notes,
            *(note for file in files for note in file.notes),
            *of_values,
            *(labelled.notes if any(case.label for case in cases) else ()),
        ),
    )


def name_of(path: Path) -> str:
    """Return the name of the data set in a file, without the part that tells its split."""
    return path.stem.removesuffix(TRAIN).removesuffix(TEST)


def _pair(path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return both files of a pair, or the file alone and a sentence if the other is missing."""
    part = next((part for part in (TRAIN, TEST) if path.stem.endswith(part)), None)
    if part is None:
        return [path], ()
    other = TEST if part == TRAIN else TRAIN
    stem = path.stem.removesuffix(part) + other
    endings = path.suffix, path.suffix.lower(), path.suffix.upper()
    beside = [path.with_name(stem + ending) for ending in endings]
    found = next((file for file in beside if file.is_file()), None)
    if found is None:
        return [path], (f"{beside[0].name} is not beside {path.name}: its series are split anew",)
    return ([path, found] if part == TRAIN else [found, path]), ()
