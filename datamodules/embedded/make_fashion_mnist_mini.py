"""Make fashion_mnist_mini.npz from the four idx files of Fashion-MNIST.

    python -m manyviews.datamodules.embedded.make_fashion_mnist_mini FOLDER

It holds the first 1,000 train and 200 test images of every class, in their original order.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.images.public import fashion_mnist

TRAIN_PER_CLASS, TEST_PER_CLASS = 1000, 200


def first_of_each_class(label: Int64[Tensor, " N"], count: int) -> Int64[Tensor, " n"]:
    """Return the rows of the first `count` items of every class, in ascending order."""
    rows = [(label == c).nonzero()[:count, 0] for c in label.unique()]
    return torch.cat(rows).sort().values


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz whose bytes depend only on the arrays (numpy's also contain the time)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_LZMA)


def main(folder: str) -> None:
    """Write the file into the folder of this script."""
    splits = fashion_mnist(folder, download=False)
    arrays = {}
    for split, count in (("train", TRAIN_PER_CLASS), ("test", TEST_PER_CLASS)):
        images = getattr(splits, split)
        rows = first_of_each_class(images.label, count)
        arrays[f"{split}_image"] = images.image[rows, 0].numpy()
        arrays[f"{split}_label"] = images.label[rows].to(torch.uint8).numpy()
    write(Path(__file__).with_name("fashion_mnist_mini.npz"), arrays)


if __name__ == "__main__":
    main(sys.argv[1])
