"""Data sets by name: embedded in the package, or read through torchvision."""

from __future__ import annotations

import gzip
import textwrap
import zlib
from importlib import resources
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from manyviews.datamodules.images import Images, ImageSplits
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
IDX_STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


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
        found = _torchvision("FashionMNIST", folder, download)
        train, test = (Images(s.data[:, None].contiguous(), s.targets.long()) for s in found)
    return ImageSplits("fashion_mnist", train, test, FASHION_CLASSES, mean, std)


def cifar10(root: str, download: bool = True) -> ImageSplits:
    """CIFAR-10: 50,000 + 10,000 colour images of 32 x 32 pixels.

    Args:
        root: torchvision's root, holding `cifar-10-batches-py`.
        download: let torchvision fetch what is missing.
    """
    train, test = (
        Images(
            torch.from_numpy(s.data).permute(0, 3, 1, 2).contiguous(),
            torch.tensor(s.targets, dtype=torch.int64),
        )
        for s in _torchvision("CIFAR10", Path(root), download)
    )
    return ImageSplits("cifar10", train, test, CIFAR10_CLASSES, *CIFAR10_STATISTICS)


def _torchvision(name: str, root: Path, download: bool):
    """Train and test split of a torchvision data set; its many ways to fail become one line."""
    from torchvision import datasets  # 2.5 s: only when it is asked for

    dataset = getattr(datasets, name)
    held = _held(root)  # before torchvision makes folders for its downloads
    try:
        return [dataset(str(root), train=train, download=download) for train in (True, False)]
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, UnpicklingError) as error:
        raise ConfigError(
            f"data.root={root} {held}, no complete {name}; type data.root=FOLDER where "
            f"{_wanted(name)}, or data.download=true on a machine with internet "
            f"({_one_line(error)})"
        ) from error


def _held(root: Path) -> str:
    if not root.is_dir():
        return "does not exist" if not root.exists() else "is not a folder"
    return f"holds {', '.join(sorted(p.name for p in root.iterdir())[:5]) or 'nothing'}"


def _wanted(name: str) -> str:
    if name == "CIFAR10":
        return "FOLDER/cifar-10-batches-py lies"
    return "the four files " + " ".join(f"{stem}-ubyte.gz" for stem in IDX_STEMS) + " lie"


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
