"""Public image data sets by name.

The small ones are decoded in memory and return `Decoded`, those of image files a `FileIndex`;
`decoded` and `read_images` add the options that all data sets of a kind share.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from manyviews.datamodules.images.assemble import OnBadSample, read_images
from manyviews.datamodules.images.folders import index_of_splits
from manyviews.datamodules.images.hold_out import hold_out
from manyviews.datamodules.images.idx import read_idx_folder
from manyviews.datamodules.images.in_memory import Decoded, decoded, pixel_statistics
from manyviews.datamodules.images.index import FileIndex, LabelledFiles
from manyviews.datamodules.images.search import find
from manyviews.datamodules.images.split_names import Chosen
from manyviews.datamodules.images.splits import Images
from manyviews.datamodules.images.torchvision_sets import from_torchvision, train_and_test

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
# Mean and standard deviation per channel over all training pixels, for pixels from 0 to 1.
FASHION_STATISTICS = (0.2860,), (0.3530,)
CIFAR10_STATISTICS = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR100_STATISTICS = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
IMAGENET_STATISTICS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EUROSAT_TEST = 0.2  # the set has no test split of its own; papers hold out this share


@decoded
def fashion_mnist_mini() -> Decoded:
    """Return the first 1,000 train and 200 test images per class of Fashion-MNIST, embedded."""
    file = resources.files("manyviews.datamodules.embedded") / "fashion_mnist_mini.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        train, test = (
            Images(
                torch.from_numpy(arrays[f"{split}_image"])[:, None],
                torch.from_numpy(arrays[f"{split}_label"]).long(),
            )
            for split in ("train", "test")
        )
    return Decoded(train, test, FASHION_CLASSES, FASHION_STATISTICS)


@decoded
def fashion_mnist(root: str, download: bool = True) -> Decoded:
    """Return Fashion-MNIST: 60,000 + 10,000 grey images of 28 x 28 pixels.

    Args:
        root: a folder with the four idx files (gzipped or not), or torchvision's root.
        download: let torchvision download what is missing.
    """
    splits = read_idx_folder(Path(root))
    if splits is None:
        train, test = (
            Images(part.data[:, None].contiguous(), part.targets.long())
            for part in train_and_test("FashionMNIST", root, download)
        )
        splits = train, test
    return Decoded(*splits, FASHION_CLASSES, FASHION_STATISTICS)


@decoded
def cifar10(root: str, download: bool = True) -> Decoded:
    """Return CIFAR-10: 50,000 + 10,000 colour images of 32 x 32 pixels.

    Args:
        root: torchvision's root, with the folder `cifar-10-batches-py`.
        download: let torchvision download what is missing.
    """
    train, test = map(_cifar, train_and_test("CIFAR10", root, download))
    return Decoded(train, test, CIFAR10_CLASSES, CIFAR10_STATISTICS)


@decoded
def cifar100(root: str, download: bool = True) -> Decoded:
    """Return CIFAR-100: 50,000 + 10,000 colour images of 32 x 32 pixels in 100 fine classes.

    Args:
        root: torchvision's root, with the folder `cifar-100-python`.
        download: let torchvision download what is missing.
    """
    parts = train_and_test("CIFAR100", root, download)
    train, test = map(_cifar, parts)
    return Decoded(train, test, tuple(parts[0].classes), CIFAR100_STATISTICS)


def _cifar(part: Any) -> Images:
    """Return a split of torchvision's CIFAR with the channels in front."""
    image = torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous()
    return Images(image, torch.tensor(part.targets, dtype=torch.int64))


@decoded
def stl10(root: str, unlabelled: bool = True, download: bool = True) -> Decoded:
    """Return STL-10: 5,000 + 8,000 colour images of 96 x 96 pixels, and 100,000 without labels.

    Args:
        root: torchvision's root, with the folder `stl10_binary`.
        unlabelled: add the 100,000 to the training split (2.9 GB in memory).
        download: let torchvision download what is missing.
    """
    names = ("train+unlabeled" if unlabelled else "train", "test")
    parts = [from_torchvision("STL10", root, split=name, download=download) for name in names]
    train, test = (
        Images(torch.from_numpy(part.data), torch.from_numpy(part.labels).long()) for part in parts
    )
    # From the labelled images alone, so that both variants are normalised alike.
    statistics = pixel_statistics(train.image[train.label >= 0])
    return Decoded(train, test, tuple(parts[0].classes), statistics)


@read_images(size=224, channels=3, fixed=["channels"])
def imagenet(root: str, *, on_bad_sample: OnBadSample) -> FileIndex:
    """Return ImageNet-1k, 1.28 million + 50,000 images; the test split is the validation set.

    Args:
        root: folder with `train/` and `val/` in class folders, or with the archives that
            torchvision unpacks; or a folder in which `imagenet/` is such a folder.
        on_bad_sample: "skip" also accepts empty class folders.

    Raises:
        ConfigError: there are neither folders nor archives.
    """
    # The environment variable MANYVIEWS_DATA names one folder for all data sets.
    places = [Path(root), Path(root) / "imagenet"]
    place = next((p for p in places if _has_imagenet(p)), places[1 if places[1].is_dir() else 0])
    if not _has_imagenet(place):
        for split in ("train", "val"):
            from_torchvision("ImageNet", str(place), split=split)  # unpacks the archives
    # Its folder `test`, if there is one, holds images without labels.
    chosen = Chosen("train", "val")
    found = find(place / "train", place / "val")
    index = index_of_splits(place, found, chosen, "folders", 0.1, empty=on_bad_sample == "skip")
    return index._replace(folder=None, statistics=IMAGENET_STATISTICS)


def _has_imagenet(place: Path) -> bool:
    return all((place / split).is_dir() for split in ("train", "val"))


@read_images(size=224, channels=3, fixed=["channels"])
def flowers(root: str, download: bool = True) -> FileIndex:
    """Return Oxford Flowers-102: 2,040 (train and val) + 6,149 images.

    Args:
        root: torchvision's root, with the folder `flowers-102`.
        download: let torchvision download what is missing.
    """
    train, val, test = (
        _labelled(part._image_files, part._labels, part.classes)
        for part in (
            from_torchvision("Flowers102", root, split=split, download=download)
            for split in ("train", "val", "test")
        )
    )
    both = LabelledFiles([*train.paths, *val.paths], [*train.classes, *val.classes])
    return FileIndex(both, test)


@read_images(size=224, channels=3, fixed=["channels"])
def pets(root: str, download: bool = True) -> FileIndex:
    """Return Oxford-IIIT Pets, 37 breeds: 3,680 (trainval) + 3,669 images.

    Args:
        root: torchvision's root, with the folder `oxford-iiit-pet`.
        download: let torchvision download what is missing.
    """
    train, test = (
        _labelled(part._images, part._labels, part.classes)
        for part in (
            from_torchvision("OxfordIIITPet", root, split=split, download=download)
            for split in ("trainval", "test")
        )
    )
    return FileIndex(train, test)


@read_images(channels=3, fixed=["size", "channels", "workers"])
def eurosat(root: str, download: bool = True) -> FileIndex:
    """Return EuroSAT (RGB), 10 kinds of land: 27,000 images of 64 x 64, a fifth held out.

    Args:
        root: torchvision's root, with the folder `eurosat`.
        download: let torchvision download what is missing.
    """
    # Held out by the names of the files, so that the split is the same everywhere.
    every = from_torchvision("EuroSAT", root, download=download)
    paths, labels = zip(*every.samples, strict=True)
    files = _labelled([Path(path) for path in paths], labels, every.classes)
    return FileIndex(*hold_out(files, EUROSAT_TEST, Path(root)))


def _labelled(
    paths: Sequence[Path], labels: Sequence[int], classes: Sequence[str]
) -> LabelledFiles:
    """Return files with the names of their classes."""
    return LabelledFiles(list(paths), [classes[label] for label in labels])
