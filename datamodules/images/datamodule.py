"""The data module for images: views for training, clean images for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from manyviews.batch import Batch, Sample
from manyviews.datamodules.images.clean import cleaner
from manyviews.datamodules.images.decode import to_picture, to_tensor
from manyviews.datamodules.images.files import ImageFiles, Prepare
from manyviews.datamodules.images.splits import ImageSplits
from manyviews.datamodules.module import Rows, Split, ViewData
from manyviews.datamodules.views.images.pipeline import Views

# An evaluation batch has at most so many images, and so many pixels of one channel.
CLEAN_BATCH, CLEAN_PIXELS = 500, 2**22
RAW_SIDE = 32  # pixels; larger images are averaged to this side for the baseline "raw"


class ImageData(ViewData[ImageSplits, Views]):
    """A data module for images: views and clean images; see `ViewData`.

    Raises:
        ConfigError: the images are files, and a view does not begin with a crop.
    """

    reads = "images"
    item = "image"

    def __init__(self, splits: ImageSplits, views: Views, **options: Any) -> None:
        if isinstance(splits.train, ImageFiles):
            # Workers cut this crop, so that whole images never travel between processes.
            for kind in views:
                kind.leading_crop()
        super().__init__(splits, views, **options)

    def prepare(self) -> Prepare:
        """Return a function with which workers cut, from decoded images, the crop of every view."""
        return partial(self.views.cut, seed=self.seed, size=self.splits.size, to_tensor=to_tensor)

    def make_batch(self, sample: Sample, epoch: int) -> Batch:
        """Return the views of these images in `epoch`; see `ViewData`."""
        x = sample.input
        cut = isinstance(x, list)
        x = [self._with_channels(view) for view in x] if cut else self._with_channels(x)
        return super().make_batch(sample._replace(input=x), epoch)

    def _with_channels(self, pixels: UInt8[Tensor, "B C H W"]) -> UInt8[Tensor, "B c H W"]:
        """Return images with the channels that the backbone reads: grey may stand for colour."""
        expected = self.preprocessing
        grey = expected is not None and expected.grey_as_colour
        return pixels.expand(-1, self.channels, -1, -1) if grey else pixels

    @property
    def clean_batch(self) -> int:
        """Number of images in a batch of `clean`: at most 500, and fewer if they are large."""
        height, width = self.size
        return max(1, min(CLEAN_BATCH, CLEAN_PIXELS // (height * width)))

    def clean(self, split: Split, rows: Int64[Tensor, " N"] | None = None) -> Iterator[Sample]:
        """Yield normalised images without augmentation, in order; by default all of the split.

        They are cut, resized and normalised as `preprocessing` says, if there is one.
        """
        images = self.rows_of(split)
        rows = torch.arange(len(images.label)) if rows is None else rows
        for sample in self._cut(images, rows.split(self.clean_batch)):
            pixels = self._with_channels(sample.input)
            yield sample._replace(input=normalise(pixels, self.mean, self.std))

    def _cut(self, images: Rows, batches: Sequence[Int64[Tensor, " _"]]) -> Iterator[Sample]:
        """Yield clean uint8 images of the expected size."""
        if self.preprocessing is None:
            yield from images.samples(batches)
            return
        clean = cleaner(self.preprocessing)
        if isinstance(images, ImageFiles):
            yield from images.samples(batches, clean)
            return
        for sample in images.samples(batches):
            pictures = [to_picture(image) for image in sample.input]
            yield sample._replace(input=clean(pictures, sample.position, 0))

    def groups(self, split: Split) -> tuple[Int64[Tensor, " N"], tuple[str, ...]] | None:
        """Return the patient or video of every image and all names; None if there are no groups."""
        group = self.rows_of(split).group
        return None if group is None else (group, self.splits.groups)

    def controls(self) -> Mapping[str, Callable[[Split], Float[Tensor, "N D"]]]:
        """Return baselines by name: functions from a split to features of its labelled images."""
        return {"raw": self._raw}

    def _raw(self, split: Split) -> Float[Tensor, "N D"]:
        """Return the pixels of the images that evaluation reads."""
        images = self.rows_of(split)
        return raw_pixels(images.samples(self.probed(split).split(CLEAN_BATCH)), self.splits.size)

    def pictures(self, view: Float[Tensor, "B C H W"]) -> UInt8[np.ndarray, "B C H W"]:
        """Return views as pictures for the report."""
        return denormalise(view, self.mean, self.std)

    def originals(self, split: Rows, rows: Int64[Tensor, " B"]) -> UInt8[np.ndarray, "B C H W"]:
        """Return images as pictures for the report."""
        return split.sample(rows).input.numpy()


def normalise(
    image: UInt8[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "B C H W"]:
    """Return (image / 255 - mean) / std per channel, float32."""
    shape = (1, -1, 1, 1)
    scaled = image.float() / 255
    return (scaled - scaled.new_tensor(mean).view(shape)) / scaled.new_tensor(std).view(shape)


def denormalise(
    view: Float[Tensor, "B C H W"], mean: tuple[float, ...], std: tuple[float, ...]
) -> UInt8[np.ndarray, "B C H W"]:
    """Return the bytes of normalised images: the inverse of `normalise`, clipped to 0..255."""
    shape = (1, -1, 1, 1)
    image = view * view.new_tensor(std).view(shape) + view.new_tensor(mean).view(shape)
    return (image * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def raw_pixels(samples: Iterable[Sample], size: tuple[int, int]) -> Float[Tensor, "N D"]:
    """Return the pixels of uint8 images as features from 0 to 1, averaged to at most 32 x 32.

    Args:
        samples: batches of images.
        size: height and width of the images in pixels.
    """
    small = (min(size[0], RAW_SIDE), min(size[1], RAW_SIDE))
    return torch.cat([F.adaptive_avg_pool2d(s.input / 255, small).flatten(1) for s in samples])
