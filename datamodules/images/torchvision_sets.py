"""Data sets that torchvision downloads and reads."""

from __future__ import annotations

import textwrap
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from manyviews.datamodules.folder_content import content_of
from manyviews.errors import ConfigError

IDX_STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
EXPECTED = {  # content of the root for each class of torchvision, as the end of a sentence
    "FashionMNIST": "the four files " + " ".join(f"{stem}-ubyte.gz" for stem in IDX_STEMS) + " lie",
    "CIFAR10": "FOLDER/cifar-10-batches-py lies",
    "CIFAR100": "FOLDER/cifar-100-python lies",
    "STL10": "FOLDER/stl10_binary lies",
    "ImageNet": "FOLDER/train and FOLDER/val lie (or FOLDER/imagenet/train and FOLDER/imagenet/val)"
    ", or the archives that image-net.org gives out after you sign up",
    "Flowers102": "FOLDER/flowers-102 lies",
    "OxfordIIITPet": "FOLDER/oxford-iiit-pet lies",
    "EuroSAT": "FOLDER/eurosat lies",
}


def from_torchvision(name: str, root: str, **arguments: Any) -> Any:
    """Return a data set of torchvision; turn its many kinds of errors into one line.

    Args:
        name: class in `torchvision.datasets`.
        root: folder of the files.
        arguments: further arguments of the class.

    Raises:
        ConfigError: the files are incomplete and cannot be downloaded.
    """
    from torchvision import datasets  # takes 2.5 s, so only if it is needed

    content = content_of(Path(root))  # before torchvision creates folders for its downloads
    try:
        return getattr(datasets, name)(root, **arguments)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, UnpicklingError) as error:
        # Not every set can be downloaded without an account.
        or_download = ", or data.download=true on a machine with internet"
        raise ConfigError(
            f"data.root={root} {content}, no complete {name}; type data.root=FOLDER where "
            f"{EXPECTED[name]}{or_download if 'download' in arguments else ''} "
            f"({one_line(error)})"
        ) from error


def train_and_test(name: str, root: str, download: bool) -> list[Any]:
    """Return the two splits of a class of torchvision that has the argument `train`."""
    return [from_torchvision(name, root, train=part, download=download) for part in (True, False)]


def one_line(error: BaseException) -> str:
    """Return the message of an error, shortened to one line."""
    return textwrap.shorten(str(error), 160) or type(error).__name__
