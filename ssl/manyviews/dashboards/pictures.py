"""Small pictures of a run, out of the gallery of its report: views, and nearest neighbours."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

HEIGHT = 32  # pixels of each picture
ROWS = 2  # queries that are shown with their neighbours
IN_A_ROW = 6  # pictures at most
# What reading a file that is cut, changed or another program's can raise.
DAMAGED = (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile)


def strips(gallery: Path) -> dict[str, str]:
    """Return `views` and `neighbours` as data URIs, each a few pictures in one image.

    Either is missing if the gallery lacks it; a file that did not change is not read again.

    Args:
        gallery: a gallery.npz.
    """
    try:
        found = gallery.stat()
    except OSError:
        return {}
    return _strips(gallery, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=2048)
def _strips(gallery: Path, changed: int, size: int) -> dict[str, str]:
    made = {}
    try:
        with gallery.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if "originals" in arrays:
                made["views"] = _uri([_views(arrays)])
            if "queries" in arrays and "neighbours" in arrays:
                made["neighbours"] = _uri(_neighbours(arrays))
    except (*DAMAGED, zlib.error):
        return made
    return made


def _views(arrays: np.lib.npyio.NpzFile) -> list[np.ndarray]:
    """Return the first sample and its views."""
    names = [name for name in (f"view_{v}" for v in range(IN_A_ROW - 1)) if name in arrays]
    return [arrays[name][0] for name in ("originals", *names)]


def _neighbours(arrays: np.lib.npyio.NpzFile) -> list[list[np.ndarray]]:
    """Return the first queries, each followed by its neighbours."""
    queries, near = arrays["queries"][:ROWS], arrays["neighbours"][:ROWS, : IN_A_ROW - 1]
    return [[query, *of_query] for query, of_query in zip(queries, near, strict=True)]


def _uri(rows: list[list[UInt8[np.ndarray, "C H W"]]]) -> str:
    """Return pictures in rows as one image, beside each other with a gap of two pixels."""
    tiles = [[_small(image) for image in row] for row in rows]
    width = max(sum(tile.width + 2 for tile in row) for row in tiles) - 2
    sheet = Image.new("RGB", (width, len(rows) * (HEIGHT + 2) - 2), "white")
    for y, row in enumerate(tiles):
        x = 0
        for tile in row:
            sheet.paste(tile, (x, y * (HEIGHT + 2)))
            x += tile.width + 2
    buffer = io.BytesIO()
    sheet.save(buffer, format="jpeg", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _small(image: UInt8[np.ndarray, "C H W"]) -> Image.Image:
    """Return a picture of the common height; of other channels than 1 or 3 the first is shown."""
    picture = Image.fromarray(image.transpose(1, 2, 0) if len(image) == 3 else image[0])
    width = min(max(1, round(HEIGHT * picture.width / picture.height)), 4 * HEIGHT)
    return picture.resize((width, HEIGHT), Image.Resampling.LANCZOS).convert("RGB")
