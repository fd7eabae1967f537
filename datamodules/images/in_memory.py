"""Data sets that are decoded in memory as they are read; a share of train can be for validation.

Such a data set is a function that returns `Decoded`; the decorator `decoded` gives it the option
`val` and makes it return `ImageSplits`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from manyviews import draws
from manyviews.datamodules.images.index import Statistics
from manyviews.datamodules.images.splits import Images, ImageSplits
from manyviews.datamodules.options import with_options
from manyviews.errors import ConfigError


class Decoded(NamedTuple):
    """The images of a data set.

    Attributes:
        train: training images.
        test: test images.
        classes: name of each label.
        statistics: mean and standard deviation per channel of the labelled training images.
        dataset: name of the data set; empty if it is that of the function that returns this.
    """

    train: Images
    test: Images
    classes: tuple[str, ...]
    statistics: Statistics
    dataset: str = ""


class Held(NamedTuple):
    """Options of every data set in memory.

    Attributes:
        val: share of every class of the training images that becomes the validation split; None:
            there is none.
    """

    val: float | None = None


def decoded(find: Callable[..., Decoded]) -> Callable[..., ImageSplits]:
    """Return the data set's function with the options of `Held`; it returns `ImageSplits`."""
    return with_options(Held(), with_share)(find)


def with_share(name: str, images: Decoded, options: Held) -> ImageSplits:
    """Return the data set; a share of its training images is the validation split, if asked for.

    The share is the same in every run. The statistics are those of the images that are left.

    Args:
        name: name of the data set.
        images: its images.
        options: the share.

    Raises:
        ConfigError: the share is outside (0, 0.5], or no class has two images.
    """
    train, test, classes, (mean, std), _ = images
    if options.val is None:
        return ImageSplits(name, train, test, classes, mean, std)
    held = share_of_each_class(train.label, options.val)
    rest = torch.ones(len(train.label), dtype=torch.bool).index_fill(0, held, False)
    val, train = Images(train.image[held], train.label[held]), Images(*(p[rest] for p in train[:2]))
    known = train.label >= 0
    mean, std = pixel_statistics(train.image[known] if known.any() else train.image)
    note = (
        f"validation: {len(held)} of {len(rest)} training images are held out "
        f"(data.val={options.val:g})"
    )
    return ImageSplits(name, train, test, classes, mean, std, notes=(note,), val=val)


def share_of_each_class(label: Int64[Tensor, " N"], share: float) -> Int64[Tensor, " n"]:
    """Return the rows of a share of every class, in order; a smaller share is part of a larger one.

    The draw depends on the labels and the share alone, so that everyone has the same split.
    Unlabelled rows are left where they are, unless no row has a label.

    Raises:
        ConfigError: the share is outside (0, 0.5], or no class has two items.
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"data.val={share}; allowed: a share above 0, up to 0.5, or null")
    order = draws.permutation(0, 0, len(label), "rows of the validation split")
    classes = label[label >= 0].unique() if (label >= 0).any() else label.unique()
    held = [order[:0]]
    for number in classes:
        own = order[label[order] == number]
        held.append(own[: min(max(1, round(len(own) * share)), len(own) - 1)])
    rows = torch.cat(held).sort().values
    if not len(rows):
        raise ConfigError(
            f"data.val={share}: no class has two training images, so none can be held out; type "
            "data.val=null"
        )
    return rows


def pixel_statistics(image: UInt8[Tensor, "N C H W"]) -> Statistics:
    """Return mean and standard deviation per channel over all pixels, for pixels from 0 to 1."""
    # From histograms: exact, and without a float copy of all images.
    value = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([c.flatten().bincount(minlength=256) for c in image.unbind(1)]).double()
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ value
    std = (share @ value**2 - mean**2).sqrt()
    return tuple(mean.tolist()), tuple(std.tolist())
