"""The command `manyviews views experiment=demo sample=17`: a picture of views as in training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from manyviews import build, config
from manyviews.errors import ConfigError
from manyviews.evaluation import gallery

SIDE = 96  # pixels; pictures are enlarged until the longer side has at least so many
GAP = 4  # pixels between pictures


def write(overrides: Sequence[str], config_dir: str | None = None) -> Path:
    """Write a page with a row per sample: the sample itself, then its views.

    Args:
        overrides: overrides as of `pretrain`, and the keys of `conf/views_sheet.yaml`.
        config_dir: a folder with further config groups.

    Raises:
        ConfigError: an override is wrong, or the file cannot be written.
    """
    composed, _ = config.compose("views_sheet", overrides, config_dir)
    data = build.data(composed)
    count, sample = len(data.trained.label), composed["sample"]
    if sample is not None and sample >= count:
        raise ConfigError(f"sample={sample}; allowed: 0 to {count - 1}")
    rows = gallery.some(data) if sample is None else torch.tensor([sample])
    pictures = gallery.views_of(data, rows, composed["epoch"])
    path = Path(composed["file"])
    try:
        to_pil_image(sheet([*pictures.values()])).save(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"file={path} cannot be written ({error}); type file=views.png"
        ) from error
    return path


def sheet(columns: list[UInt8[np.ndarray, "B C _ _"]]) -> UInt8[Tensor, "C H W"]:
    """Return a page from columns of pictures, enlarged by a whole factor without smoothing.

    Args:
        columns: pictures of the originals and of each view; sizes may differ between columns.
    """
    height, width = (max(column.shape[side] for column in columns) for side in (2, 3))
    # Rounded up; without smoothing, so that the pixels are those of training.
    times = max(1, -(-SIDE // max(height, width)))
    down, across = height * times + GAP, width * times + GAP
    rows, channels = columns[0].shape[:2]
    channels = 3 if channels == 3 else 1  # of an image with 2 or many channels the first is shown
    page = torch.full((channels, rows * down + GAP, len(columns) * across + GAP), 255)
    for c, column in enumerate(columns):
        large = torch.from_numpy(column[:, :channels]).repeat_interleave(times, 2)
        large = large.repeat_interleave(times, 3)
        for r, picture in enumerate(large):
            top, left = GAP + r * down, GAP + c * across
            page[:, top : top + picture.shape[1], left : left + picture.shape[2]] = picture
    return page.to(torch.uint8)
