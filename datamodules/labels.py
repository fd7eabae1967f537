"""Classes of the training samples from a file, for example the result of a clustering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.datamodules.file_kind import odd_kind
from manyviews.errors import ConfigError

MOST_CLASSES = 2**31  # a larger number is no class: methods make a row for each


def classes_of(file: str, count: int) -> Int64[Tensor, " {count}"]:
    """Read a class for each of `count` training samples, in the order of the data set.

    Args:
        file: `.npy` with integers (N,), or a text file with one integer per line.
        count: number of samples in the training split.

    Raises:
        ConfigError: the file is missing, holds something else or another count, or a class is
            negative.
    """
    path = Path(file)
    if kind := odd_kind(path):
        raise ConfigError(f"data.labels={file} is {kind}; type the path of a file")
    try:
        if path.suffix == ".npy":
            # A pickle could run code; a map is refused if the header claims more than the file has.
            values = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
        else:
            values = np.array(
                [int(line) for line in path.read_text(encoding="utf-8").split()], np.int64
            )
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise ConfigError(
            f"data.labels={file} does not hold one integer per line ({error})"
        ) from error
    if values.shape != (count,) or not np.issubdtype(values.dtype, np.integer):
        raise ConfigError(
            f"data.labels={file} holds {values.dtype} {values.shape}; "
            f"expected an integer for each of the {count} training images"
        )
    for value in (values.min(), values.max()) if count else ():
        if not 0 <= value < MOST_CLASSES:
            raise ConfigError(
                f"data.labels={file} holds {value}; classes begin at 0 and have small numbers"
            )
    return torch.from_numpy(values.astype(np.int64))
