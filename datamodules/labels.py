"""Classes of training images from a file: what a clustering or another model says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from manyviews.errors import ConfigError


def classes_of(file: str, count: int) -> Int64[Tensor, " {count}"]:
    """A class for each of `count` training images, in the order of the data set.

    Args:
        file: `.npy` with integers (N,), or text with an integer a line.
        count: images of the training split.

    Raises:
        ConfigError: no such file, other content, another count, or a negative class.
    """
    path = Path(file)
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            values = np.array([int(line) for line in path.read_text().split()])
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"data.labels={file} holds no integers, one a line ({error})") from error
    if values.shape != (count,) or not np.issubdtype(values.dtype, np.integer):
        raise ConfigError(
            f"data.labels={file} holds {values.dtype} {values.shape}; "
            f"expected an integer for each of the {count} training images"
        )
    if count and values.min() < 0:
        raise ConfigError(f"data.labels={file} holds {values.min()}; classes begin at 0")
    return torch.from_numpy(values.astype(np.int64))
