"""A reader for idx files, the format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from manyviews.datamodules.images.splits import Images
from manyviews.datamodules.images.torchvision_sets import IDX_STEMS, one_line
from manyviews.errors import ConfigError


def read_idx_folder(folder: Path) -> tuple[Images, Images] | None:
    """Return train and test split of a folder with the four files, None if one is missing.

    Raises:
        ConfigError: a file is truncated, or images and labels do not fit together.
    """
    paths = [path for stem in IDX_STEMS for path in _idx_file(folder, stem)]
    if len(paths) < len(IDX_STEMS):
        return None
    train_image, train_label, test_image, test_label = map(_read_idx, paths)
    return _images(folder, train_image, train_label), _images(folder, test_image, test_label)


def _idx_file(folder: Path, stem: str) -> list[Path]:
    """Return the file of this stem, preferably gzipped; an empty list if there is none."""
    # As downloaded, or unpacked by hand.
    names = (folder / f"{stem}-ubyte.gz", folder / f"{stem}-ubyte")
    return [path for path in names if path.is_file()][:1]


def _read_idx(path: Path) -> UInt8[Tensor, ...]:
    """Read an idx file of bytes: magic 0, 0, 8, rank; then big-endian sizes; then the data."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rank = raw[3]
        shape = np.frombuffer(raw, ">i4", rank, 4)
        data = np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise ConfigError(
            f"{path} is not a complete idx file ({one_line(error)}); fetch it again"
        ) from error
    return torch.from_numpy(data.copy())  # a buffer's memory is read-only


def _images(folder: Path, image: UInt8[Tensor, ...], label: UInt8[Tensor, ...]) -> Images:
    """Return grey images and their labels as a split."""
    if image.ndim != 3 or label.ndim != 1 or len(image) != len(label):
        raise ConfigError(
            f"data.root={folder}: images {tuple(image.shape)} and labels {tuple(label.shape)} "
            "do not belong together; expected (N, 28, 28) and (N,)"
        )
    return Images(image[:, None].contiguous(), label.long())
