"""The summary of a data set: counts, classes, sizes, colours, statistics, memory and speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from manyviews.commands.doctor.issues import ScannedImages, quantity
from manyviews.commands.doctor.recoloured import MOST_PAIRS
from manyviews.commands.doctor.throughput import fewest_workers
from manyviews.datamodules.images.splits import Images, ImageSplits
from manyviews.datamodules.named_splits import named_splits

GREY = 1e-3  # an image whose channels differ less in mean and mean square shows no colour


class Line(NamedTuple):
    """One line of the summary.

    Attributes:
        name: topic of the line, for example "sizes".
        text: the line for the terminal.
        values: the same content and more, as plain numbers and names.
    """

    name: str
    text: str
    values: dict[str, Any]


def of_images(images: ScannedImages) -> Iterator[Line]:
    """Yield counts of images and classes, their sizes, colours and statistics.

    Args:
        images: readable images only, at least one.
    """
    counts = {split: int(part.sum()) for split, part in images.splits.items()}
    text = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    yield Line("images", text, counts)
    yield _classes(images)
    if images.group is not None:
        yield _groups(images)
    yield _sizes(images)
    yield _colours(images)
    yield _statistics(images)
    pairs = counts["train"] * int(images.held_out.sum())
    if pairs > MOST_PAIRS:
        text = f"recoloured copies were not looked for: {pairs:,} pairs are too many"
        yield Line("not searched", text, {"pairs": pairs})


def _classes(images: ScannedImages) -> Line:
    """Return the number of classes, the smallest, the largest, and the share without labels."""
    unknown = float((images.label < 0).mean())
    counts: dict[str, Any] = {
        split: dict(zip(images.classes, count.tolist(), strict=True))
        for split, count in images.counts().items()
    }
    train = list(counts["train"].values())
    text = quantity(len(images.classes), "class", "classes")
    if train:
        few, many = min(train), max(train)
        text += f" of {few:,}" + (f" ({images.classes[train.index(few)]!r})" if few < many else "")
        text += f" to {many:,} ({images.classes[train.index(many)]!r})" if few < many else ""
        text += " training images"
    text += f"; {unknown:.1%} of the images without a class" if unknown else ""
    return Line("classes", text, {**counts, "without_class": unknown})


def _groups(images: ScannedImages) -> Line:
    """Return the number of groups in each split, in several, and of images without a group."""
    groups = images.split_groups()
    counts = {split: len(part) for split, part in groups.items()}
    both = sum(count > 1 for count in Counter(n for part in groups.values() for n in part).values())
    alone = sum(name is None for name in images.group or [])
    values = {**counts, "both": both, "without": alone}
    text = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    text += f", {both:,} in {'both' if len(groups) == 2 else 'several'}"
    return Line("groups", text + (f"; {alone:,} images without a group" if alone else ""), values)


def _sizes(images: ScannedImages) -> Line:
    """Return the range of widths and heights, and the most extreme shapes."""
    size = images.scan.size
    distinct, counts = np.unique(size, axis=0, return_counts=True)
    shape = size[:, 1] / size[:, 0]  # width by height
    wide, tall = int(shape.argmax()), int(shape.argmin())
    values = {
        "distinct": len(distinct),
        "height": _range(size[:, 0]),
        "width": _range(size[:, 1]),
        "histogram": {f"{w}x{h}": int(n) for (h, w), n in zip(distinct, counts, strict=True)},
        "widest": {"name": images.names[wide], "width_by_height": float(shape[wide])},
        "tallest": {"name": images.names[tall], "width_by_height": float(shape[tall])},
    }
    if len(distinct) == 1:
        return Line("sizes", f"all {size[0, 1]} x {size[0, 0]} pixels (width x height)", values)
    sides = ", ".join(
        f"{side} {least:,} to {most:,} (median {middle:,g})"
        for side in ("width", "height")
        for least, middle, most in [values[side].values()]
    )
    text = (
        f"{len(distinct):,} sizes; {sides} pixels; "
        f"width / height {shape[tall]:.2f} ({images.names[tall]!r}) "
        f"to {shape[wide]:.2f} ({images.names[wide]!r})"
    )
    return Line("sizes", text, values)


def _range(side: np.ndarray) -> dict[str, float]:
    return {"least": int(side.min()), "median": float(np.median(side)), "most": int(side.max())}


def _colours(images: ScannedImages) -> Line:
    """Return the number of colour and grey images, and of colour images that show no colour."""
    colour, moments = images.scan.colour, images.scan.moments[:, :3]
    pale = colour & (np.ptp(moments, axis=1) < GREY).all(1)
    count = len(colour)
    values = {"grey": int((~colour).sum()), "grey_as_colour": int(pale.sum()), "images": count}
    text = f"{colour.sum():,} in colour, {values['grey']:,} grey"
    if pale.any():
        text += f"; {pale.sum():,} of those in colour show none"
        text += ": data.channels=1 reads them as grey" if (pale | ~colour).all() else ""
    return Line("colours", text, values)


def _statistics(images: ScannedImages) -> Line:
    """Return mean and deviation of the training pixels; every image has the same weight."""
    train = images.splits["train"]
    scan = images.scan.rows(train if train.any() else images.held_out)
    # Red, green and blue; grey alone if no image is in colour.
    bands = slice(0, 3) if images.scan.colour.any() else slice(3, 4)
    mean, square = scan.moments[:, bands].astype(float).mean(0).T
    # Rounding can make the variance of an even image slightly negative.
    std = np.sqrt(np.maximum(square - mean**2, 0))
    values = {"mean": mean.round(4).tolist(), "std": std.round(4).tolist()}
    text = "; ".join(f"{name} {' '.join(f'{v:.4f}' for v in row)}" for name, row in values.items())
    return Line("statistics", f"{text} of 1, training pixels", values)


def of_reading(splits: ImageSplits, speeds: dict[int, float], views: float) -> Iterator[Line]:
    """Yield the memory that decoded images take, and the speed of the views.

    Args:
        splits: the data set.
        speeds: images per second that become views, by number of workers.
        views: images per second of the part after decoding and cropping.
    """
    resident = isinstance(splits.train, Images)
    height, width = splits.size
    count = sum(len(part.label) for part in named_splits(splits).values())
    taken = count * splits.channels * height * width
    each = f"{splits.channels} x {height} x {width} bytes each"
    text = f"{_bytes(taken)} in memory" if resident else f"stay files; {_bytes(taken)} if cut once"
    yield Line("memory", f"{text} ({each})", {"resident": resident, "bytes": taken})
    yield _speed(speeds, views, len(splits.train.label), resident)


def _speed(speeds: dict[int, float], views: float, count: int, resident: bool) -> Line:
    """Return the speeds, the recommended number of workers and the duration of an epoch."""
    best, epoch = fewest_workers(speeds), count / max(speeds.values())
    rates = ", ".join(f"{rate:,.0f} with {workers}" for workers, rate in speeds.items())
    text = (
        f"{speeds[0]:,.0f} images/s become views"
        if resident
        else f"images/s become views: {rates} workers ({views:,.0f} if decoding took no time); "
        f"recommended: data.workers={best}"
    )
    values = {
        "images_per_s_by_workers": {str(n): round(rate, 1) for n, rate in speeds.items()},
        "images_per_s_views_alone": round(views, 1),
        "recommended_workers": None if resident else best,
        "seconds_of_an_epoch": round(epoch, 2),
    }
    return Line("speed", f"{text}; an epoch of views alone takes {_time(epoch)}", values)


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _time(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min" if seconds >= 90 else f"{seconds:,.1f} s"
