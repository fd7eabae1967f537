"""Data sets that are image files: your own by folder or table, public ones by name."""

from __future__ import annotations

from pathlib import Path

from manyviews.datamodules.images.assemble import OnBadSample, Reading, image_splits
from manyviews.datamodules.images.datamodule import ImageSplits
from manyviews.datamodules.images.decode import Channels
from manyviews.datamodules.images.index import (
    Classes,
    Listed,
    Listing,
    hold_out,
    splits_of_folder,
    splits_of_table,
)
from manyviews.datamodules.images.public import from_torchvision

IMAGENET_STATISTICS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EUROSAT_TEST = 0.2  # it comes without a test split; the share that the field holds out


def folder(
    path: str,
    classes: Classes = "folders",
    test: float = 0.1,
    size: int | None = None,
    channels: Channels | None = None,
    on_bad_sample: OnBadSample = "stop",
    workers: int | None = None,
) -> ImageSplits:
    """All images below a folder, at any depth.

    With sub-folders `train` and `test` (or `val`) these are the splits; otherwise a share of the
    files, drawn by their names, is held out. The first folder below a split is the class; files
    beside the class folders have none. One class folder alone tells nothing: its images count as
    unlabelled. Names that begin with a dot are left out.

    Args:
        path: the folder.
        classes: "none" takes folders for mere folders.
        test: share of the images held out where no folder names the test split.
        size: see `Reading`, as the rest.
        channels: 1, 3 or null.
        on_bad_sample: stop or skip.
        workers: processes that decode, or null.

    Raises:
        ConfigError: no images, unusable ones, an empty class folder, a share outside (0, 0.5].
    """
    root = Path(path)
    train, held_out = splits_of_folder(root, classes, test, empty=on_bad_sample == "skip")
    reading = Reading(size, channels, on_bad_sample, workers)
    return image_splits(root.resolve().name, Listing(train, held_out, root), reading)


def table(
    path: str,
    root: str | None = None,
    file: str = "file",
    label: str = "label",
    split: str = "split",
    test: float = 0.1,
    size: int | None = None,
    channels: Channels | None = None,
    on_bad_sample: OnBadSample = "stop",
    workers: int | None = None,
) -> ImageSplits:
    """The images that a CSV names, one a row, under a header.

    Args:
        path: the CSV.
        root: folder that relative file names begin in; null: where the CSV lies.
        file: column of the file names.
        label: column of the classes; an empty cell is unknown, a missing column all of them.
        split: column with `train` and `test`; where it is missing a share is held out.
        test: that share.
        size: see `Reading`, as the rest.
        channels: 1, 3 or null.
        on_bad_sample: stop or skip.
        workers: processes that decode, or null.

    Raises:
        ConfigError: no such column, no rows, an unknown split, unusable images.
    """
    base = Path(path).parent if root is None else Path(root)
    train, held_out = splits_of_table(Path(path), base, test, file=file, label=label, split=split)
    reading = Reading(size, channels, on_bad_sample, workers)
    return image_splits(Path(path).stem, Listing(train, held_out), reading)


def imagenet(
    root: str,
    size: int = 224,
    on_bad_sample: OnBadSample = "stop",
    workers: int | None = None,
) -> ImageSplits:
    """ImageNet-1k, 1.28 million + 50,000 images; the test split is the validation set.

    Args:
        root: with `train/` and `val/` in class folders, or with the archives that torchvision
            unpacks.
        size: side in pixels of the clean square.
        on_bad_sample: stop or skip.
        workers: processes that decode, or null.

    Raises:
        ConfigError: neither is there.
    """
    reading = Reading(size, 3, on_bad_sample, workers)
    if not all((Path(root) / split).is_dir() for split in ("train", "val")):
        for split in ("train", "val"):
            from_torchvision("ImageNet", root, split=split)  # unpacks
    train, test = splits_of_folder(Path(root), "folders", 0.1, empty=on_bad_sample == "skip")
    return image_splits("imagenet", Listing(train, test), reading, IMAGENET_STATISTICS)


def flowers(
    root: str,
    download: bool = True,
    size: int = 224,
    on_bad_sample: OnBadSample = "stop",
    workers: int | None = None,
) -> ImageSplits:
    """Oxford Flowers-102: 2,040 (train and val) + 6,149 images.

    Args:
        root: torchvision's root, holding `flowers-102`.
        download: let torchvision fetch what is missing.
        size: side in pixels of the clean square.
        on_bad_sample: stop or skip.
        workers: processes that decode, or null.
    """
    train, val, test = (
        _listed(d._image_files, d._labels, d.classes)
        for d in (
            from_torchvision("Flowers102", root, split=split, download=download)
            for split in ("train", "val", "test")
        )
    )
    both = Listed([*train.paths, *val.paths], [*train.classes, *val.classes])
    reading = Reading(size, 3, on_bad_sample, workers)
    return image_splits("flowers", Listing(both, test), reading)


def pets(
    root: str,
    download: bool = True,
    size: int = 224,
    on_bad_sample: OnBadSample = "stop",
    workers: int | None = None,
) -> ImageSplits:
    """Oxford-IIIT Pets, 37 breeds: 3,680 (trainval) + 3,669 images.

    Args:
        root: torchvision's root, holding `oxford-iiit-pet`.
        download: let torchvision fetch what is missing.
        size: side in pixels of the clean square.
        on_bad_sample: stop or skip.
        workers: processes that decode, or null.
    """
    train, test = (
        _listed(d._images, d._labels, d.classes)
        for d in (
            from_torchvision("OxfordIIITPet", root, split=split, download=download)
            for split in ("trainval", "test")
        )
    )
    reading = Reading(size, 3, on_bad_sample, workers)
    return image_splits("pets", Listing(train, test), reading)


def eurosat(root: str, download: bool = True, on_bad_sample: OnBadSample = "stop") -> ImageSplits:
    """EuroSAT (RGB), 10 kinds of land: 27,000 images of 64 x 64 pixels, a fifth of them held out.

    Args:
        root: torchvision's root, holding `eurosat`.
        download: let torchvision fetch what is missing.
        on_bad_sample: stop or skip.
    """
    found = from_torchvision("EuroSAT", root, download=download)
    paths, labels = zip(*found.samples, strict=True)
    listed = _listed([Path(p) for p in paths], labels, found.classes)
    train, test = hold_out(listed, EUROSAT_TEST, Path(root))
    return image_splits("eurosat", Listing(train, test), Reading(None, 3, on_bad_sample))


def _listed(paths, labels, classes) -> Listed:
    return Listed(list(paths), [classes[label] for label in labels])
