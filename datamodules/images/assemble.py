"""From listed files to a data set: looked at once, then in memory or left on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.images.datamodule import Images, ImageSplits
from manyviews.datamodules.images.decode import Channels, read, to_tensor
from manyviews.datamodules.images.files import ImageFiles, cores
from manyviews.datamodules.images.index import Listed, Listing
from manyviews.datamodules.images.scan import Survey, survey
from manyviews.errors import ConfigError

RESIDENT_BYTES = 2**32  # decoded images of one size stay in memory up to here
OWN_SIZE_UP_TO, USUAL_SIZE = 256, 224  # pixels
NAMED = 3  # of many bad files in one line
OnBadSample = Literal["stop", "skip"]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]


class Reading(NamedTuple):
    """How files become images.

    Attributes:
        size: side in pixels of the clean square, and of crops that keep the size of the data; None:
            the images' own size where all agree and none is larger than 256, else 224.
        channels: 1 or 3; None: 1 where every image is grey.
        on_bad_sample: stop at files that cannot be used, or skip them.
        workers: processes that decode what does not fit into memory; None: one per core.
    """

    size: int | None = None
    channels: Channels | None = None
    on_bad_sample: OnBadSample = "stop"
    workers: int | None = None


class Unusable(ConfigError):
    """No data set can be made of these files.

    Attributes:
        name: of the set.
        listing: the files.
    """

    def __init__(self, reason: str, name: str, listing: Listing) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.listing = name, listing


def image_splits(
    name: str, listing: Listing, reading: Reading, statistics: Statistics | None = None
) -> ImageSplits:
    """The data set of these files.

    Args:
        name: of the set.
        listing: files of the splits.
        reading: how they become images.
        statistics: mean and standard deviation per channel; None: those of the training images.

    Raises:
        ConfigError: files that cannot be used.
        Unusable: none left, or a class that only the test split has.
    """
    if reading.size is not None and reading.size < 1:
        raise ConfigError(f"data.size={reading.size}; allowed: 1 or more pixels, or null")
    looked = survey(listing.paths, cores())
    skipped = _bad(listing.paths, looked, reading)
    train, test = _usable(name, listing, looked, skipped)
    good = np.concatenate([train, test])
    channels: Channels = reading.channels or (3 if looked.colour.any() else 1)
    size, classes = _size(looked.size[good], reading.size), _classes(name, listing)
    made = partial(ImageFiles, size=size, channels=channels, workers=reading.workers)
    listed = Listed(listing.paths, [*listing.train.classes, *listing.test.classes])
    parts = [
        made([listed.paths[i] for i in rows], _labels(listed, rows, classes), looked.digest[rows])
        for rows in (train, test)
    ]
    own = bool((looked.size[good] == size).all())
    if own and len(good) * size[0] * size[1] * channels <= RESIDENT_BYTES:
        parts = [_resident(part) for part in parts]
    mean, std = statistics or _statistics(looked.moments[train], channels)
    return ImageSplits(name, parts[0], parts[1], classes, mean, std, skipped, listing)


def _usable(
    name: str, listing: Listing, looked: Survey, skipped: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the files of either split that can be used."""
    good, first_test = looked.reason == "", len(listing.train.paths)
    train, test = np.flatnonzero(good[:first_test]), first_test + np.flatnonzero(good[first_test:])
    if not len(train) or not len(test):
        reason = f"none of the files of a split can be used ({skipped[0]})"
        raise Unusable(reason, name, listing)
    return train, test


def _bad(paths: list[Path], looked: Survey, reading: Reading) -> tuple[str, ...]:
    """The files that cannot be used, with the reasons."""
    rows = np.flatnonzero(looked.reason)
    bad = tuple(f"{str(paths[i])!r}: {looked.reason[i]}" for i in rows)
    if bad and reading.on_bad_sample == "stop":
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise ConfigError(
            f"{len(bad)} of {len(paths)} images cannot be used: {'; '.join(bad[:NAMED])}{more}; "
            "mend or remove them, or type data.on_bad_sample=skip"
        )
    return bad


def _size(sizes: np.ndarray, asked: int | None) -> tuple[int, int]:
    """Height and width of the clean images."""
    if asked is not None:
        return asked, asked
    if (sizes == sizes[0]).all() and sizes[0].max() <= OWN_SIZE_UP_TO:
        return int(sizes[0, 0]), int(sizes[0, 1])
    return USUAL_SIZE, USUAL_SIZE


def _classes(name: str, listing: Listing) -> tuple[str, ...]:
    """Those of the training split, in the order of the names."""
    train, test = ({c for c in part.classes if c is not None} for part in listing[:2])
    strange = sorted(test - train)
    if strange:
        raise Unusable(
            f"class {strange[0]!r} is in the test split only ({len(strange)} such); "
            f"training has {len(train)} classes",
            name,
            listing,
        )
    return tuple(sorted(train))


def _labels(listed: Listed, kept: np.ndarray, classes: tuple[str, ...]) -> Int64[Tensor, " N"]:
    number: dict[str | None, int] = {None: -1, **{c: i for i, c in enumerate(classes)}}
    return torch.tensor([number[listed.classes[i]] for i in kept])


def _resident(files: ImageFiles) -> Images:
    """The same split, decoded into memory."""
    with ThreadPoolExecutor(cores()) as pool:
        images = list(pool.map(lambda path: to_tensor(read(path, files.channels)), files.paths))
    return Images(torch.stack(images), files.label)


def _statistics(moments: np.ndarray, channels: Channels) -> Statistics:
    """Mean and standard deviation of all pixels, every image weighing the same."""
    mean, square = np.split(moments.astype(float).mean(0), 2, axis=1)
    std = np.sqrt(
        np.maximum(square - mean**2, 1e-6)
    )  # one colour alone is no reason to divide by 0
    bands = [0, 1, 2] if channels == 3 else [3]
    return (
        tuple(round(float(mean[b, 0]), 4) for b in bands),
        tuple(round(float(std[b, 0]), 4) for b in bands),
    )
