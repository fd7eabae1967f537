"""The command `manyviews doctor data=folder data.path=photos`: scan, time, and print the result."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from manyviews import build, config, hardware
from manyviews.commands.doctor import issues, series, summary, throughput
from manyviews.commands.doctor.issues import Case, Issue, ScannedImages, quantity
from manyviews.commands.doctor.summary import Line
from manyviews.datamodules.images.assemble import UnusableFiles
from manyviews.datamodules.images.files import cores
from manyviews.datamodules.images.folders import leftovers
from manyviews.datamodules.images.index import FileIndex, relative
from manyviews.datamodules.images.scan import scan, scan_in_memory
from manyviews.datamodules.images.search import ending_counts
from manyviews.datamodules.images.splits import ImageSplits
from manyviews.datamodules.named_splits import named_splits
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.errors import ConfigError
from manyviews.schema import Config

SHOWN, SHOWN_NAMES = 3, 4  # printed cases of an issue, and printed names of a case
SECONDS = 1.0  # duration of the timing for each number of workers


class Diagnosis(NamedTuple):
    """The issues and the summary of a data set.

    Attributes:
        name: name of the data set.
        issues: issues with at least one case.
        summary: counts, sizes, colours, statistics, memory and speed.
    """

    name: str
    issues: list[Issue]
    summary: list[Line]


def examine(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """Return the diagnosis of a data set as text for the terminal; write the file if asked for.

    An issue is no failure: near duplicates or a large class may be intended. A script that wants to
    stop at some issues can read `findings` in the file.

    Args:
        overrides: overrides as of `pretrain`, and the keys of `conf/doctor.yaml`.
        config_dir: a folder with further config groups.

    Raises:
        ConfigError: an override is wrong, or the file cannot be written.
    """
    composed, _ = config.compose("doctor", overrides, config_dir)
    result = diagnosis(composed)
    if composed["file"] is not None:
        _write(Path(composed["file"]), result)
    return "\n".join([*_issue_lines(result), "", *_summary_lines(result.summary)])


def diagnosis(composed: Config) -> Diagnosis:
    """Return all issues and the summary of the data set of a checked config."""
    node = composed["data"]
    # A bad file or a missing value is reported as an issue here and stops nothing.
    tolerant = {"on_bad_sample": "skip", "nan": "keep"}
    skipping = {key: tolerant.get(key, value) for key, value in node.items()}
    try:
        data = build.data({**composed, "data": skipping})
    except UnusableFiles as error:
        stop = Issue("unusable", f"training cannot begin: {error}", [], 1)
        images = _scan_files(error.index)
        found = [stop, *_all_issues(images, error.index)]
        return Diagnosis(error.name, found, _image_summary(images))
    if isinstance(data, SeriesData):
        found, lines = series.issues_of(data.splits, node.get("nan")), series.lines_of(data.splits)
        return Diagnosis(data.splits.name, found, [*lines])
    index = data.splits.index
    images = _scan_memory(data.splits) if index is None else _scan_files(index)
    device = torch.device(_device(composed["trainer"]["accelerator"]))
    speeds = throughput.speeds(data, device, SECONDS)
    views = throughput.speed_of_views(data, device, SECONDS)
    lines = [*_image_summary(images), *summary.of_reading(data.splits, speeds, views)]
    if data.splits.notes:
        lines.append(Line("notes", "; ".join(data.splits.notes), {"notes": [*data.splits.notes]}))
    return Diagnosis(data.splits.name, _all_issues(images, index), lines)


def _device(accelerator: hardware.Accelerator) -> str:
    resolved = hardware.resolve_accelerator(accelerator)
    return "cuda" if resolved == "gpu" else resolved


def _all_issues(images: ScannedImages, index: FileIndex | None) -> list[Issue]:
    """Return the issues that have cases."""
    usable = images.readable()
    every = [
        *issues.of_files(images),
        *(_leftover_issues(index.folder, index.paths) if index and index.folder else []),
        *(issues.of_duplicates(usable) if usable.names else []),
        *issues.of_groups(usable),
        *issues.of_blank_images(usable),
        *issues.of_classes(usable),
    ]
    return [issue for issue in every if issue.affected]


def _image_summary(images: ScannedImages) -> list[Line]:
    usable = images.readable()
    return list(summary.of_images(usable)) if usable.names else []


def _leftover_issues(folder: Path, paths: list[Path]) -> list[Issue]:
    """Return issues of files and folders that are not part of the data set."""
    left = leftovers(folder, paths)
    kinds = (
        ("no_images", left.not_images, f"not read: {ending_counts(left.not_images)}", "file"),
        ("outside", left.outside, "outside the folders of the splits, not read", "image"),
        (
            "empty_folders",
            left.empty,
            "without an image; data.on_bad_sample=skip accepts them",
            "class folder",
        ),
    )
    return [
        Issue(
            kind,
            f"{quantity(len(rest), noun)} {text}",
            [Case([relative(path, folder)]) for path in rest],
            len(rest),
        )
        for kind, rest, text, noun in kinds
    ]


def _scan_files(index: FileIndex) -> ScannedImages:
    """Return the scan of all files, with names and classes; building the data has cached it."""
    paths, classes = index.paths, index.classes
    root = index.folder or os.path.commonpath([path.absolute().parent for path in paths])
    known = sorted({name for name in classes if name is not None})
    number = {name: i for i, name in enumerate(known)}
    split = np.repeat(np.arange(len(index.splits)), [len(part.paths) for part in index.splits])
    return ScannedImages(
        [relative(path, root) for path in paths],
        scan(paths, cores()),
        split == 1,
        np.array([-1 if name is None else number[name] for name in classes]),
        tuple(known),
        index.groups,
        None if index.val is None else split == 2,
    )


def _scan_memory(splits: ImageSplits) -> ScannedImages:
    """Return the scan of a data set that was not read from an index of files."""
    parts = named_splits(splits)
    split = np.repeat([*parts], [len(part.label) for part in parts.values()])
    return ScannedImages(
        [f"{name}[{i}]" for name, part in parts.items() for i in range(len(part.label))],
        scan_in_memory([image for part in parts.values() for image in part.image], cores()),
        split == "test",
        torch.cat([part.label for part in parts.values()]).numpy(),
        splits.classes,
        val=None if splits.val is None else split == "val",
    )


def _issue_lines(result: Diagnosis) -> list[str]:
    """Return a line per issue and for its first cases; names are quoted, so none breaks a line."""
    lines = [f"{result.name!r}: {quantity(len(result.issues), 'finding')}"]
    for issue in result.issues:
        lines += ["", f"{issue.kind}: {issue.text}"]
        lines += [f"    {_case_line(case)}" for case in issue.cases[:SHOWN]]
        if len(issue.cases) > SHOWN:
            lines.append(f"    and {len(issue.cases) - SHOWN:,} more")
    return lines


def _case_line(case: Case) -> str:
    names = ", ".join(map(repr, case.names[:SHOWN_NAMES]))
    more = len(case.names) - SHOWN_NAMES
    more = f" and {more:,} more" if more > 0 else ""
    return f"{names}{more}{': ' if case.note else ''}{case.note}"


def _summary_lines(lines: list[Line]) -> list[str]:
    return [f"{line.name:<11} {line.text}" for line in lines]


def _write(path: Path, result: Diagnosis) -> None:
    """Write the diagnosis as JSON, with the keys that scripts rely on."""
    record = {
        "data": result.name,
        "findings": [
            {
                "kind": issue.kind,
                "said": issue.text,
                "named": [case._asdict() for case in issue.cases],
                "affected": issue.affected,
            }
            for issue in result.issues
        ],
        "figures": {line.name: {"said": line.text, **line.values} for line in result.summary},
    }
    try:
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"file={path} cannot be written ({error}); type file=doctor.json"
        ) from error
