"""Lay out a map of items: a dot each, with a thumbnail that is shown where one points at it.

The page has no script: thumbnails lie in one image, of which each dot shows its own part.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from manyviews.panels import Points, name_of
from manyviews.report.pictures import sheet_uri

SHOWN = 64  # pixels of a thumbnail on the page
MARGIN = 3.0  # percent of the map that stay free at each side
LEGEND = 24  # most names of the legend
# Okabe and Ito's palette and three more, which colour-blind readers can tell apart.
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#7b3fa0",
    "#8c6d31",
    "#c23b4a",
    "#5f6368",
)
UNKNOWN = "#9aa0a6"


class Dot(NamedTuple):
    """A point of the map: its place in percent, its colour, and its part of the thumbnails.

    Attributes:
        left: distance from the left.
        top: distance from the top.
        colour: colour of its group.
        at: CSS background position of its thumbnail.
        turned: "left" and "up" if the thumbnail would not fit to the right of and below the dot.
    """

    left: float
    top: float
    colour: str
    at: str
    turned: str


class Drawn(NamedTuple):
    """A map that is laid out.

    Attributes:
        id: name of its style in the page.
        sheet: data URI of all thumbnails in one image.
        columns: thumbnails in a row of the sheet.
        points: the dots.
        legend: name and colour of each group that occurs.
    """

    id: str
    sheet: str
    columns: int
    points: list[Dot]
    legend: list[tuple[str, str]]


def placed(of: Points) -> Drawn:
    """Return a map laid out for the page."""
    columns = max(1, math.ceil(math.sqrt(len(of.x))))
    sheet = sheet_uri(_sheet(of.images, columns))
    left, top = _percent(of.x), 100 - _percent(of.y)
    dots = [
        Dot(
            round(x, 2),
            round(y, 2),
            colour(int(g), len(of.names)),
            f"-{SHOWN * (n % columns)}px -{SHOWN * (n // columns)}px",
            " ".join(["left"] * (x > 75) + ["up"] * (y > 75)),
        )
        for n, (x, y, g) in enumerate(zip(left.tolist(), top.tolist(), of.group, strict=True))
    ]
    groups = sorted({int(g) for g in of.group})[:LEGEND]
    legend = [(name_of(g, of.names), colour(g, len(of.names))) for g in groups]
    name = hashlib.sha256(f"{of.title}{sheet[:4000]}".encode()).hexdigest()[:8]
    return Drawn(f"map-{name}", sheet, columns, dots, legend)


def colour(group: int, groups: int) -> str:
    """Return the colour of a group; more than ten groups share the circle of hues."""
    if group < 0:
        return UNKNOWN
    if groups <= len(COLOURS):
        return COLOURS[group]
    red, green, blue = colorsys.hls_to_rgb(group * 0.381966 % 1, 0.45, 0.6)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _percent(values: np.ndarray) -> np.ndarray:
    """Return values as percent between the margins of the map."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return MARGIN + (100 - 2 * MARGIN) * share


def _sheet(images: UInt8[np.ndarray, "N C H W"], columns: int) -> UInt8[np.ndarray, "C h w"]:
    """Return square thumbnails in rows of one image; thumbnails that are not square are padded."""
    count, channels, height, width = images.shape
    side, rows = max(height, width), math.ceil(count / columns)
    top, left = (side - height) // 2, (side - width) // 2
    sheet = np.zeros((rows * columns, channels, side, side), dtype=np.uint8)
    sheet[:count, :, top : top + height, left : left + width] = images
    grid = sheet.reshape(rows, columns, channels, side, side).transpose(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * side, columns * side)
