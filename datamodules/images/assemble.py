"""From an index of files to a data set: scan all files, then decode into memory or keep on disk.

A data set of image files is a function that returns a `FileIndex`; the decorator `read_images`
gives it the options of `Reading` and makes it return `ImageSplits`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.images.decode import Channels, read, to_tensor
from manyviews.datamodules.images.files import ImageFiles, cores
from manyviews.datamodules.images.group_names import group_notes
from manyviews.datamodules.images.index import FileIndex, Statistics
from manyviews.datamodules.images.notes import lost_colour, reading_notes, unlearnt_classes
from manyviews.datamodules.images.scan import Scan, scan
from manyviews.datamodules.images.splits import Images, ImageSplits
from manyviews.datamodules.images.validation import Val, with_validation
from manyviews.datamodules.options import with_options
from manyviews.errors import ConfigError

RESIDENT_BYTES = 2**32  # decoded images of one size stay in memory up to this total
OWN_SIZE_UP_TO, USUAL_SIZE = 256, 224  # pixels
SHOWN = 3  # bad files in one error message
LEAST_VARIANCE = 1e-6  # a data set of a single colour is not divided by 0
OnBadSample = Literal["stop", "skip"]


class Reading(NamedTuple):
    """Options of every data set of image files: how files become images.

    Attributes:
        size: side in pixels of the clean square that evaluation reads, and of crops that keep the
            size of the data. None: the images' own size if it is the same for all and at most 256,
            else 224.
        channels: 1 or 3; None: 1 if every image is grey, else 3.
        on_bad_sample: "stop" at files that cannot be used, or "skip" them.
        workers: processes that decode what does not fit into memory; None: one per core.
        val: share of every class of the training split that becomes the validation split, or names
            of groups; None: none, unless the data have one of their own.
    """

    size: int | None = None
    channels: Channels | None = None
    on_bad_sample: OnBadSample = "stop"
    workers: int | None = None
    val: Val | None = None


def read_images(
    *, fixed: Collection[str] = (), **defaults: Any
) -> Callable[[Callable[..., FileIndex]], Callable[..., ImageSplits]]:
    """Return a decorator that adds the options of `Reading` to a data set of image files.

        @read_images(size=224, channels=3, fixed=["channels"])
        def mine(root: str) -> FileIndex: ...

        mine("data", size=96)  # ImageSplits

    Args:
        fixed: names of options that users cannot change.
        defaults: values of options that differ from those of `Reading`.
    """
    return with_options(Reading(**defaults), image_splits, fixed, nullable=["val"])


class UnusableFiles(ConfigError):
    """An error: no data set can be made of these files.

    Attributes:
        name: name of the data set.
        index: the files.
    """

    def __init__(self, reason: str, name: str, index: FileIndex) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.index = name, index


def image_splits(name: str, index: FileIndex, reading: Reading) -> ImageSplits:
    """Return the data set of these files.

    Args:
        name: name of the data set.
        index: files and classes of all splits.
        reading: how the files become images.

    Raises:
        ConfigError: files cannot be used.
        UnusableFiles: no file of a split is left, or a class is in the test split only.
    """
    if reading.size is not None and reading.size < 1:
        raise ConfigError(f"data.size={reading.size}; allowed: 1 or more pixels, or null")
    index = with_validation(index, reading.val)
    # Cached: only the first command on these files waits for it.
    scanned = scan(index.paths, cores())
    skipped = _bad_files(index.paths, scanned, reading)
    rows = _usable_rows(name, index, scanned, skipped)
    usable = np.concatenate([*rows.values()])
    seen = np.concatenate([rows["train"], rows["test"]])  # the others do not change how these look
    channels: Channels = reading.channels or (3 if scanned.colour[seen].any() else 1)
    size, classes = _size(scanned.size[seen], reading.size), _classes(name, index)
    make = partial(
        ImageFiles, size=size, channels=channels, workers=reading.workers, white=scanned.white
    )
    groups = tuple(sorted({name for name in index.groups or () if name is not None}))
    files = _files(index, rows, scanned, classes, groups, make)
    notes = (
        *index.notes,
        *reading_notes(scanned.done[usable].tolist(), scanned.white),
        *lost_colour(scanned.colour[usable], channels),
        *unlearnt_classes(index.val.classes if index.val else (), classes),
        *group_notes(groups, {split: part.group for split, part in files.items()}),
    )
    parts = _resident(files, scanned, rows)
    mean, std = index.statistics or _statistics(scanned.moments[rows["train"]], channels)
    return ImageSplits(
        name,
        parts["train"],
        parts["test"],
        classes,
        mean,
        std,
        skipped,
        index,
        notes,
        groups,
        parts.get("val"),
    )


def _files(
    index: FileIndex,
    rows: dict[str, np.ndarray],
    scanned: Scan,
    classes: tuple[str, ...],
    groups: tuple[str, ...],
    make: Callable[..., ImageFiles],
) -> dict[str, ImageFiles]:
    """Return the usable files of each split, with numbers for their classes and groups."""
    paths, named, grouped = index.paths, index.classes, index.groups
    return {
        split: make(
            [paths[i] for i in part],
            _numbers(named, part, classes),
            scanned.digest[part],
            group=None if grouped is None else _numbers(grouped, part, groups),
        )
        for split, part in rows.items()
    }


def _resident(
    files: dict[str, ImageFiles], scanned: Scan, rows: dict[str, np.ndarray]
) -> dict[str, Images | ImageFiles]:
    """Return the splits decoded in memory, if their images have one size and are not too many."""
    any_split = files["train"]
    height, width = any_split.size
    total = sum(map(len, rows.values())) * height * width * any_split.channels
    # Images that would have to be resized are cut anew in every epoch, so they stay on disk.
    fits = {s: bool((scanned.size[part] == any_split.size).all()) for s, part in rows.items()}
    if not (fits["train"] and fits["test"]) or total > RESIDENT_BYTES:
        return {**files}
    return {s: _in_memory(part) if fits[s] else part for s, part in files.items()}


def _usable_rows(
    name: str, index: FileIndex, scanned: Scan, skipped: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return the rows of usable files by split."""
    ends = np.cumsum([len(part.paths) for part in index.splits])
    every = np.split(np.arange(len(scanned.reason)), ends[:-1])
    rows = {
        split: part[scanned.reason[part] == ""]
        for split, part in zip(("train", "test", "val"), every, strict=False)
    }
    if not all(map(len, rows.values())):
        reason = f"none of the files of a split can be used ({skipped[0]})"
        raise UnusableFiles(reason, name, index)
    return rows


def _bad_files(paths: list[Path], scanned: Scan, reading: Reading) -> tuple[str, ...]:
    """Return a sentence for each file that cannot be used; raise if they are not to be skipped."""
    rows = np.flatnonzero(scanned.reason)
    bad = tuple(f"{str(paths[i])!r}: {scanned.reason[i]}" for i in rows)
    if bad and reading.on_bad_sample == "stop":
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise ConfigError(
            f"{len(bad)} of {len(paths)} images cannot be used: {'; '.join(bad[:SHOWN])}{more}; "
            "repair or remove them, or type data.on_bad_sample=skip"
        )
    return bad


def _size(sizes: np.ndarray, asked: int | None) -> tuple[int, int]:
    """Return height and width of the clean images."""
    if asked is not None:
        return asked, asked
    if (sizes == sizes[0]).all() and sizes[0].max() <= OWN_SIZE_UP_TO:
        return int(sizes[0, 0]), int(sizes[0, 1])
    return USUAL_SIZE, USUAL_SIZE


def _classes(name: str, index: FileIndex) -> tuple[str, ...]:
    """Return the classes of the training split, sorted by name."""
    train, test = ({c for c in part.classes if c is not None} for part in (index.train, index.test))
    # A probe cannot predict a class that it has never seen.
    strange = sorted(test - train)
    if strange:
        raise UnusableFiles(
            f"class {strange[0]!r} is in the test split only ({len(strange)} such); "
            f"training has {len(train)} classes",
            name,
            index,
        )
    return tuple(sorted(train))


def _numbers(
    names: list[str | None], rows: np.ndarray, known: tuple[str, ...]
) -> Int64[Tensor, " N"]:
    """Return the number of the class, or of the group, of each of these rows; -1 if unknown."""
    number: dict[str | None, int] = {name: i for i, name in enumerate(known)}
    return torch.tensor([number.get(names[i], -1) for i in rows], dtype=torch.int64)


def _in_memory(files: ImageFiles) -> Images:
    """Decode a split into memory."""
    with ThreadPoolExecutor(cores()) as pool:
        images = list(
            pool.map(lambda p: to_tensor(read(p, files.channels, files.white)), files.paths)
        )
    return Images(torch.stack(images), files.label, files.group)


def _statistics(moments: np.ndarray, channels: Channels) -> Statistics:
    """Return mean and standard deviation of all pixels; every image has the same weight."""
    mean, square = np.split(moments.astype(float).mean(0), 2, axis=1)
    std = np.sqrt(np.maximum(square - mean**2, LEAST_VARIANCE))
    bands = [0, 1, 2] if channels == 3 else [3]  # red, green, blue; or grey
    return (
        tuple(round(float(mean[b, 0]), 4) for b in bands),
        tuple(round(float(std[b, 0]), 4) for b in bands),
    )
