"""What a classifier is trained on, and how the items that it classifies are cut."""

from __future__ import annotations

import logging
from typing import Any, Literal

from jaxtyping import Int64
from torch import Tensor

from manyviews import distributed
from manyviews.datamodules.expected import of_data
from manyviews.datamodules.images.splits import Images
from manyviews.datamodules.module import ViewData
from manyviews.datamodules.preprocessing import MARGIN
from manyviews.datamodules.views.images.crop import Crop
from manyviews.datamodules.views.images.flip import Flip
from manyviews.datamodules.views.images.pipeline import View, Views
from manyviews.datamodules.views.series.pipeline import SeriesView, SeriesViews
from manyviews.errors import ConfigError

log = logging.getLogger(__name__)

Interpolation = Literal["bilinear", "bicubic"]
SCALE, RATIO = [0.08, 1.0], [3 / 4, 4 / 3]  # of torchvision's RandomResizedCrop


def inputs(
    data: ViewData[Any, Any],
    rows: Int64[Tensor, " n"],
    batch_size: int,
    seed: int,
    interpolation: Interpolation,
) -> ViewData[Any, Any]:
    """Return data that train a classifier on these rows, and clean items to classify.

    Images are trained on random crops, mirrored with probability 1/2. Clean image files are resized
    and cut at the centre, as 256 and 224 pixels of a side; images in memory that have the expected
    size stay whole. Series are read as they are, in training, too.

    Args:
        data: the data as the backbone reads them.
        rows: rows of the training split.
        batch_size: items per step; a batch is never larger than all the items.
        seed: determines the order of the items and the crops.
        interpolation: filter with which clean images are resized; crops are bilinear.

    Raises:
        ConfigError: there are fewer than two items on some rank.
    """
    views = _window() if data.reads == "series" else _crop_and_flip(data)
    made = data.training_on(rows, views, batch_size=_fitting(batch_size, len(rows)), seed=seed)
    whole = isinstance(data.splits.train, Images) and data.size == data.splits.size
    if data.reads == "images" and not whole:
        expected = data.preprocessing or of_data(data)
        made.preprocessing = expected._replace(
            interpolation=interpolation, crop=MARGIN, mode="center"
        )
    return made


def _window() -> SeriesViews:
    """Return a single view: the row's own window."""
    return SeriesViews(window=SeriesView(1, {}))


def _crop_and_flip(data: ViewData[Any, Any]) -> Views:
    """Return a single view: a random crop of the size that the backbone reads, and a flip."""
    size = None if data.size == data.splits.size else data.size[0]
    crop = Crop(size, SCALE, RATIO, "bilinear")
    return Views(crop=View(1, {"crop": crop, "flip": Flip(0.5)}))


def _fitting(batch_size: int, count: int) -> int:
    """Return the batch size, or as many items as there are, equally many for each rank."""
    ranks = distributed.world_size()
    most = count // ranks * ranks
    if most < 2:
        raise ConfigError(f"{count} labelled training items are too few to train on; label more")
    if batch_size > most:
        log.warning("batches of %d items instead of %d: there are no more", most, batch_size)
    return min(batch_size, most)
