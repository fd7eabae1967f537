"""What deserves a second look before training: `manyviews doctor data=folder data.path=photos`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch

from manyviews import build, config, hardware
from manyviews.commands.doctor import issues, summary, throughput
from manyviews.commands.doctor.issues import Finding, Looked, Named, counted
from manyviews.commands.doctor.summary import Figure
from manyviews.datamodules.images.assemble import Unusable
from manyviews.datamodules.images.datamodule import Images, ImageSplits
from manyviews.datamodules.images.files import cores
from manyviews.datamodules.images.index import Listing, beside
from manyviews.datamodules.images.scan import survey, survey_in_memory
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.errors import ConfigError

SHOWN, SHOWN_NAMES = 3, 4  # cases of a finding, and names of a case
SECONDS = 1.0  # that each number of workers is timed for


class Diagnosis(NamedTuple):
    """What was found, and the figures of the data set.

    Attributes:
        name: of the set.
        findings: those that found something.
        figures: counts, sizes, colours, statistics, memory and speed.
    """

    name: str
    findings: list[Finding]
    figures: list[Figure]


def examine(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """Look at every image and time the views; lines for the terminal, and the file if asked for.

    Findings are no failure: near duplicates or a large class may be meant. Whoever wants a gate
    reads `findings` in the file.

    Args:
        overrides: as of `pretrain`, and what else `conf/doctor.yaml` holds.
        config_dir: a folder with config groups of your own.

    Raises:
        ConfigError: a mistake in what was asked for, or a file that cannot be written.
    """
    composed, _ = config.compose("doctor", overrides, config_dir)
    found = diagnosis(composed)
    if composed["file"] is not None:
        _write(Path(composed["file"]), found)
    return "\n".join([*_findings(found), "", *_figures(found.figures)])


def diagnosis(composed: config.Config) -> Diagnosis:
    """All findings and figures of the data set of a checked config."""
    node = composed["data"]
    skipping = {**node, "on_bad_sample": "skip"} if "on_bad_sample" in node else node
    try:
        data = build.data({**composed, "data": skipping})
    except Unusable as error:
        stop = Finding("unusable", f"training cannot begin: {error}", [], 1)
        looked = _of_files(error.listing)
        return Diagnosis(error.name, [stop, *_all(looked, error.listing)], _of_images(looked))
    if isinstance(data, SeriesData):
        raise ConfigError(f"doctor looks at images, data={data.splits.name} has series")
    listing = data.splits.listing
    looked = _in_memory(data.splits) if listing is None else _of_files(listing)
    device = torch.device(_device(composed["trainer"]["accelerator"]))
    if device.type == "cpu":
        hardware.keep_freed_memory()  # as a training does
    speeds = throughput.speeds(data, device, SECONDS)
    views = throughput.speed_of_views(data, device, SECONDS)
    made = [*_of_images(looked), *summary.of_reading(data.splits, speeds, views)]
    return Diagnosis(data.splits.name, _all(looked, listing), made)


def _device(accelerator: hardware.Accelerator) -> str:
    resolved = hardware.resolve_accelerator(accelerator)
    return "cuda" if resolved == "gpu" else resolved


def _all(looked: Looked, listing: Listing | None) -> list[Finding]:
    usable = looked.readable()
    made = [
        *issues.of_files(looked),
        *(_beside(listing.folder, listing.paths) if listing and listing.folder else []),
        *(issues.of_copies(usable) if usable.names else []),
        *issues.of_pixels(usable),
        *issues.of_classes(usable),
    ]
    return [finding for finding in made if finding.affected]


def _of_images(looked: Looked) -> list[Figure]:
    usable = looked.readable()
    return list(summary.of_images(usable)) if usable.names else []


def _beside(folder: Path, paths: list[Path]) -> list[Finding]:
    """What a folder holds besides its images."""
    left = beside(folder, paths)
    kinds = (
        ("no_images", left.strange, "of no image format, not read", "file"),
        ("outside", left.outside, "outside the folders of the splits, not read", "image"),
        (
            "empty_folders",
            left.empty,
            "without an image; data.on_bad_sample=skip lets them be",
            "class folder",
        ),
    )
    return [
        Finding(
            kind,
            f"{counted(len(rest), noun)} {said}",
            [Named([os.path.relpath(path, folder)]) for path in rest],
            len(rest),
        )
        for kind, rest, said, noun in kinds
    ]


def _of_files(listing: Listing) -> Looked:
    """The look that reading took, from the cache, with the files' names and classes."""
    paths, classes = listing.paths, [*listing.train.classes, *listing.test.classes]
    root = listing.folder or os.path.commonpath([path.absolute().parent for path in paths])
    known = sorted({name for name in classes if name is not None})
    number = {name: i for i, name in enumerate(known)}
    return Looked(
        [os.path.relpath(path, root) for path in paths],
        survey(paths, cores()),
        np.arange(len(paths)) >= len(listing.train.paths),
        np.array([-1 if name is None else number[name] for name in classes]),
        tuple(known),
    )


def _in_memory(splits: ImageSplits) -> Looked:
    # Files come with a listing.
    train, test = cast(Images, splits.train), cast(Images, splits.test)
    count = len(train.label)
    return Looked(
        [f"train[{i}]" for i in range(count)] + [f"test[{i}]" for i in range(len(test.label))],
        survey_in_memory([*train.image, *test.image], cores()),
        np.arange(count + len(test.label)) >= count,
        torch.cat([train.label, test.label]).numpy(),
        splits.classes,
    )


def _findings(found: Diagnosis) -> list[str]:
    """A line per finding, then its first cases; names are quoted, so that none breaks a line."""
    lines = [f"{found.name!r}: {counted(len(found.findings), 'finding')}"]
    for finding in found.findings:
        lines += ["", f"{finding.kind}: {finding.said}"]
        lines += [f"    {_case(named)}" for named in finding.named[:SHOWN]]
        if len(finding.named) > SHOWN:
            lines.append(f"    and {len(finding.named) - SHOWN:,} more")
    return lines


def _case(named: Named) -> str:
    names = ", ".join(map(repr, named.names[:SHOWN_NAMES]))
    more = len(named.names) - SHOWN_NAMES
    more = f" and {more:,} more" if more > 0 else ""
    return f"{names}{more}{': ' if named.note else ''}{named.note}"


def _figures(made: list[Figure]) -> list[str]:
    return [f"{figure.name:<11} {figure.said}" for figure in made]


def _write(path: Path, found: Diagnosis) -> None:
    record = {
        "data": found.name,
        "findings": [
            {**finding._asdict(), "named": [named._asdict() for named in finding.named]}
            for finding in found.findings
        ],
        "figures": {f.name: {"said": f.said, **f.values} for f in found.figures},
    }
    try:
        path.write_text(json.dumps(record, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(
            f"file={path} cannot be written ({error}); type file=doctor.json"
        ) from error
