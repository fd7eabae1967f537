"""Show the panels of a report in W&B: the same content as on its page, in W&B's own forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import wandb

from manyviews.panels import Block, Heatmap, Panel, Pictures, Plot, Points, Table, name_of

ROWS = 200  # most rows of a table; W&B shows long ones slowly
PICTURES = 64  # most pictures of a block
DRAWN = ("curves", "views")  # W&B has the curves itself, and the views since the first step


def media(panels: Iterable[Panel]) -> dict[str, Any]:
    """Return W&B's object for each block by its key, `panels/<panel>/<number of the block>`."""
    return {
        f"panels/{panel.name}/{number}": shown
        for panel in panels
        if panel.name not in DRAWN
        for number, block in enumerate(panel.blocks)
        if (shown := _shown(block)) is not None
    }


def _shown(block: Block) -> Any:
    """Return W&B's object for a block."""
    if isinstance(block, Table):
        rows = [[*map(str, row)] for row in block.rows[:ROWS]]
        return wandb.Table([*block.titles], rows)
    if isinstance(block, Plot):
        x, y = ([[*map(float, v)] for v in side] for side in zip(*_axes(block), strict=True))
        names = [line.name for line in block.lines]
        return wandb.plot.line_series(x, y, keys=names, title=block.title, xname=block.x_title)
    if isinstance(block, Heatmap):
        return _heatmap(block)
    if isinstance(block, Pictures):
        shown = [picture for row in block.rows for picture in row][:PICTURES]
        return [_image(picture.image, picture.caption or picture.mark) for picture in shown]
    return _points(block)


def _axes(block: Plot) -> list[tuple[Any, Any]]:
    return [(line.x, line.y) for line in block.lines]


def _heatmap(block: Heatmap) -> Any:
    """Return a heat map with names as a table, one without names as an image."""
    values = np.asarray(block.values)
    if block.rows:
        rows = zip(block.rows, values.round(block.digits).tolist(), strict=True)
        return wandb.Table(["", *block.columns], [[name, *row] for name, row in rows][:ROWS])
    low, high = np.nanmin(values), np.nanmax(values)
    scaled = 255 * (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    return [wandb.Image(scaled.astype(np.uint8), caption=block.title)]


def _points(block: Points) -> Any:
    """Return a map as a table of places, classes and thumbnails, which W&B draws as a scatter."""
    rows = [
        [float(x), float(y), name_of(group, block.names), _image(image)]
        for x, y, group, image in zip(block.x, block.y, block.group, block.images, strict=True)
    ]
    return wandb.Table(["x", "y", "class", "item"], rows[:ROWS])


def _image(image: np.ndarray, caption: str | None = None) -> Any:
    pixels = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    return wandb.Image(pixels, caption=caption)
