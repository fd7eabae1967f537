"""Data sets by name that fit into memory: embedded in the package, or read through torchvision."""

from __future__ import annotations

import gzip
import textwrap
import zlib
from importlib import resources
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from manyviews.datamodules.images.datamodule import Images, ImageSplits
from manyviews.errors import ConfigError

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
# Mean and standard deviation over all pixels of the train split, in units of 0..1.
FASHION_STATISTICS = (0.2860,), (0.3530,)
CIFAR10_STATISTICS = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR100_STATISTICS = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
IDX_STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
WANTED = {  # what has to lie in the root, by torchvision's name
    "FashionMNIST": "the four files " + " ".join(f"{stem}-ubyte.gz" for stem in IDX_STEMS) + " lie",
    "CIFAR10": "FOLDER/cifar-10-batches-py lies",
    "CIFAR100": "FOLDER/cifar-100-python lies",
    "STL10": "FOLDER/stl10_binary lies",
    "ImageNet": "FOLDER/train and FOLDER/val lie, or the archives that image-net.org gives out",
    "Flowers102": "FOLDER/flowers-102 lies",
    "OxfordIIITPet": "FOLDER/oxford-iiit-pet lies",
    "EuroSAT": "FOLDER/eurosat lies",
}


def fashion_mnist_mini() -> ImageSplits:
    """The first 1,000 train and 200 test images per class of Fashion-MNIST, embedded."""
    file = resources.files("manyviews.datamodules.embedded") / "fashion_mnist_mini.npz"
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        train, test = (
            Images(
                torch.from_numpy(arrays[f"{split}_image"])[:, None],
                torch.from_numpy(arrays[f"{split}_label"]).long(),
            )
            for split in ("train", "test")
        )
    mean, std = FASHION_STATISTICS
    return ImageSplits("fashion_mnist_mini", train, test, FASHION_CLASSES, mean, std)


def fashion_mnist(root: str, download: bool = True) -> ImageSplits:
    """Fashion-MNIST: 60,000 + 10,000 grey images of 28 x 28 pixels.

    Args:
        root: a folder with the four idx files (gzipped or not), or torchvision's root.
        download: let torchvision fetch what is missing.
    """
    folder = Path(root)
    mean, std = FASHION_STATISTICS
    idx = [path for stem in IDX_STEMS for path in _idx_file(folder, stem)]
    if len(idx) == len(IDX_STEMS):
        train_image, train_label, test_image, test_label = map(_read_idx, idx)
        train = _grey(folder, train_image, train_label)
        test = _grey(folder, test_image, test_label)
    else:
        train, test = (
            Images(found.data[:, None].contiguous(), found.targets.long())
            for found in _both("FashionMNIST", root, download)
        )
    return ImageSplits("fashion_mnist", train, test, FASHION_CLASSES, mean, std)


def cifar10(root: str, download: bool = True) -> ImageSplits:
    """CIFAR-10: 50,000 + 10,000 colour images of 32 x 32 pixels.

    Args:
        root: torchvision's root, holding `cifar-10-batches-py`.
        download: let torchvision fetch what is missing.
    """
    train, test = map(_cifar, _both("CIFAR10", root, download))
    return ImageSplits("cifar10", train, test, CIFAR10_CLASSES, *CIFAR10_STATISTICS)


def cifar100(root: str, download: bool = True) -> ImageSplits:
    """CIFAR-100: 50,000 + 10,000 colour images of 32 x 32 pixels in a hundred fine classes.

    Args:
        root: torchvision's root, holding `cifar-100-python`.
        download: let torchvision fetch what is missing.
    """
    found = _both("CIFAR100", root, download)
    train, test = map(_cifar, found)
    return ImageSplits("cifar100", train, test, tuple(found[0].classes), *CIFAR100_STATISTICS)


def stl10(root: str, unlabelled: bool = True, download: bool = True) -> ImageSplits:
    """STL-10: 5,000 + 8,000 colour images of 96 x 96 pixels, and 100,000 without labels.

    Args:
        root: torchvision's root, holding `stl10_binary`.
        unlabelled: whether the 100,000 are part of the training split (2.9 GB in memory).
        download: let torchvision fetch what is missing.
    """
    parts = ("train+unlabeled" if unlabelled else "train", "test")
    found = [from_torchvision("STL10", root, split=part, download=download) for part in parts]
    train, test = (
        Images(torch.from_numpy(f.data), torch.from_numpy(f.labels).long()) for f in found
    )
    mean, std = pixel_statistics(train.image[train.label >= 0])
    return ImageSplits("stl10", train, test, tuple(found[0].classes), mean, std)


def pixel_statistics(
    image: UInt8[Tensor, "N C H W"],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel over all pixels, in units of 0..1."""
    value = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([c.flatten().bincount(minlength=256) for c in image.unbind(1)]).double()
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ value
    std = (share @ value**2 - mean**2).sqrt()
    return tuple(mean.tolist()), tuple(std.tolist())


def _cifar(found: Any) -> Images:
    image = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
    return Images(image, torch.tensor(found.targets, dtype=torch.int64))


def _both(name: str, root: str, download: bool) -> list[Any]:
    """Train and test split of a torchvision data set that tells them apart by `train`."""
    return [from_torchvision(name, root, train=part, download=download) for part in (True, False)]


def from_torchvision(name: str, root: str, **arguments: Any) -> Any:
    """A data set of torchvision; its many ways to fail become one line.

    Args:
        name: of the class.
        root: folder of its files.
        arguments: what else the class takes.

    Raises:
        ConfigError: it is not complete there and cannot be fetched.
    """
    from torchvision import datasets  # 2.5 s: only when it is asked for

    holds = held(Path(root))  # before torchvision makes folders for its downloads
    try:
        return getattr(datasets, name)(root, **arguments)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, UnpicklingError) as error:
        raise ConfigError(
            f"data.root={root} {holds}, no complete {name}; type data.root=FOLDER where "
            f"{WANTED[name]}, or data.download=true on a machine with internet "
            f"({_one_line(error)})"
        ) from error


def held(root: Path) -> str:
    """What lies in a folder, in a few words."""
    if not root.is_dir():
        return "does not exist" if not root.exists() else "is not a folder"
    return f"holds {', '.join(sorted(p.name for p in root.iterdir())[:5]) or 'nothing'}"


def _one_line(error: BaseException) -> str:
    return textwrap.shorten(str(error), 160) or type(error).__name__


def _idx_file(folder: Path, stem: str) -> list[Path]:
    """The file of this stem, gzipped first; empty where there is none."""
    names = (folder / f"{stem}-ubyte.gz", folder / f"{stem}-ubyte")
    return [path for path in names if path.is_file()][:1]


def _read_idx(path: Path) -> UInt8[Tensor, ...]:
    """An idx file of bytes: magic 0, 0, 8, rank; big-endian sizes; data."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rank = raw[3]
        shape = np.frombuffer(raw, ">i4", rank, 4)
        data = np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise ConfigError(
            f"{path} is not a complete idx file ({_one_line(error)}); fetch it again"
        ) from error
    return torch.from_numpy(data.copy())


def _grey(folder: Path, image: UInt8[Tensor, ...], label: UInt8[Tensor, ...]) -> Images:
    if image.ndim != 3 or label.ndim != 1 or len(image) != len(label):
        raise ConfigError(
            f"data.root={folder}: images {tuple(image.shape)} and labels {tuple(label.shape)} "
            "do not belong together; expected (N, 28, 28) and (N,)"
        )
    return Images(image[:, None].contiguous(), label.long())
