"""The figures of a data set: counts, classes, sizes, colours, statistics, memory and speed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from manyviews.commands.doctor.issues import Looked, counted
from manyviews.commands.doctor.throughput import enough
from manyviews.datamodules.images.datamodule import Images, ImageSplits

GREY = 1e-3  # difference of the colours' moments, of 1, up to which an image shows no colour


class Figure(NamedTuple):
    """One line of figures.

    Attributes:
        name: what they are about.
        said: the line.
        values: the same and more, as plain numbers and names.
    """

    name: str
    said: str
    values: dict[str, Any]


def of_images(looked: Looked) -> Iterator[Figure]:
    """Counts of images and classes, their sizes, colours and statistics.

    Args:
        looked: readable images only, at least one.
    """
    test = int(looked.test.sum())
    train = len(looked.names) - test
    yield Figure("images", f"{train:,} train, {test:,} test", {"train": train, "test": test})
    yield _classes(looked)
    yield _sizes(looked)
    yield _colours(looked)
    yield _statistics(looked)


def _classes(looked: Looked) -> Figure:
    unknown = float((looked.label < 0).mean())
    train, test = (count.tolist() for count in looked.counts().values())
    counts = {"train": dict(zip(looked.classes, train, strict=True)),
              "test": dict(zip(looked.classes, test, strict=True))}  # fmt: skip
    said = counted(len(looked.classes), "class", "classes")
    if train:
        few, many = min(train), max(train)
        said += f" of {few:,}" + (f" ({looked.classes[train.index(few)]!r})" if few < many else "")
        said += f" to {many:,} ({looked.classes[train.index(many)]!r})" if few < many else ""
        said += " training images"
    said += f"; {unknown:.1%} of the images without a class" if unknown else ""
    return Figure("classes", said, {**counts, "without_class": unknown})


def _sizes(looked: Looked) -> Figure:
    size = looked.survey.size
    distinct, counts = np.unique(size, axis=0, return_counts=True)
    shape = size[:, 1] / size[:, 0]
    wide, tall = int(shape.argmax()), int(shape.argmin())
    values = {
        "distinct": len(distinct),
        "height": _range(size[:, 0]),
        "width": _range(size[:, 1]),
        "histogram": {f"{w}x{h}": int(n) for (h, w), n in zip(distinct, counts, strict=True)},
        "widest": {"name": looked.names[wide], "width_by_height": float(shape[wide])},
        "tallest": {"name": looked.names[tall], "width_by_height": float(shape[tall])},
    }
    if len(distinct) == 1:
        return Figure("sizes", f"all {size[0, 1]} x {size[0, 0]} pixels (width x height)", values)
    sides = ", ".join(
        f"{side} {least:,} to {most:,} (median {middle:,g})"
        for side in ("width", "height")
        for least, middle, most in [values[side].values()]
    )
    said = (
        f"{len(distinct):,} sizes; {sides} pixels; "
        f"width / height {shape[tall]:.2f} ({looked.names[tall]!r}) "
        f"to {shape[wide]:.2f} ({looked.names[wide]!r})"
    )
    return Figure("sizes", said, values)


def _range(side: np.ndarray) -> dict[str, float]:
    return {"least": int(side.min()), "median": float(np.median(side)), "most": int(side.max())}


def _colours(looked: Looked) -> Figure:
    colour, moments = looked.survey.colour, looked.survey.moments[:, :3]
    pale = colour & (np.ptp(moments, axis=1) < GREY).all(1)
    count = len(colour)
    values = {"grey": int((~colour).sum()), "grey_as_colour": int(pale.sum()), "images": count}
    said = f"{colour.sum():,} in colour, {values['grey']:,} grey"
    if pale.any():
        said += f"; {pale.sum():,} of those in colour show none"
        said += ": data.channels=1 reads them as grey" if (pale | ~colour).all() else ""
    return Figure("colours", said, values)


def _statistics(looked: Looked) -> Figure:
    """Mean and standard deviation of the training pixels, every image weighing the same."""
    survey = looked.survey.rows(~looked.test if (~looked.test).any() else looked.test)
    bands = slice(0, 3) if looked.survey.colour.any() else slice(3, 4)
    mean, square = survey.moments[:, bands].astype(float).mean(0).T
    std = np.sqrt(np.maximum(square - mean**2, 0))
    values = {"mean": mean.round(4).tolist(), "std": std.round(4).tolist()}
    said = "; ".join(f"{name} {' '.join(f'{v:.4f}' for v in row)}" for name, row in values.items())
    return Figure("statistics", f"{said} of 1, training pixels", values)


def of_reading(splits: ImageSplits, speeds: dict[int, float], views: float) -> Iterator[Figure]:
    """What the images take decoded, and how fast views come.

    Args:
        splits: the data set.
        speeds: images per second that become views, by workers.
        views: images per second that become views once they are decoded and cropped.
    """
    resident = isinstance(splits.train, Images)
    height, width = splits.size
    count = len(splits.train.label) + len(splits.test.label)
    taken = count * splits.channels * height * width
    each = f"{splits.channels} x {height} x {width} bytes each"
    said = f"{_bytes(taken)} in memory" if resident else f"stay files; {_bytes(taken)} if cut once"
    yield Figure("memory", f"{said} ({each})", {"resident": resident, "bytes": taken})
    yield _speed(speeds, views, len(splits.train.label), resident)


def _speed(speeds: dict[int, float], views: float, count: int, resident: bool) -> Figure:
    best, epoch = enough(speeds), count / max(speeds.values())
    rates = ", ".join(f"{rate:,.0f} with {workers}" for workers, rate in speeds.items())
    said = (
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
    return Figure("speed", f"{said}; an epoch of views alone takes {_time(epoch)}", values)


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _time(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min" if seconds >= 90 else f"{seconds:,.1f} s"
