"""Panels: what a report, W&B and the local pages show, described once as plain data.

A method or a protocol returns panels; a page, a table in W&B and a Markdown file each know how to
show the few kinds of blocks below. Panels are stored as one .npz file, which a page reads without
the objects that made it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, SupportsInt, TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt8

FILE = "panels.npz"  # beside a report.json or a comparison.json
Mark = Literal["", "query", "chosen", "wrong"]


class Table(NamedTuple):
    """Cells of text below titles; numbers are formatted already."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


class Line(NamedTuple):
    """A named curve of points (x, y); with `dots` each point is drawn alone."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False


class Plot(NamedTuple):
    """Curves on common axes.

    Attributes:
        title: title of the plot.
        lines: the curves.
        x_title: title of the axis, with the unit.
        y_title: title of the axis, with the unit.
        log_x: True for a logarithmic axis.
        log_y: True for a logarithmic axis.
        family: True for curves of one kind that need no legend; the first is drawn darkest.
    """

    title: str
    lines: Sequence[Line]
    x_title: str
    y_title: str
    log_x: bool = False
    log_y: bool = False
    family: bool = False


class Heatmap(NamedTuple):
    """Numbers in a grid, darker if larger.

    Attributes:
        title: title of the grid; may be empty.
        values: floats (R, C); NaN cells stay empty.
        rows: R names; empty for a picture without names and numbers.
        columns: C names; empty for a picture without names and numbers.
        digits: digits after the point.
        row_title: what the rows are.
        column_title: what the columns are.
    """

    title: str
    values: Float[np.ndarray, "R C"]
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    digits: int = 2
    row_title: str = ""
    column_title: str = ""


class Picture(NamedTuple):
    """An image with a caption.

    Attributes:
        image: bytes (C, H, W); of other numbers of channels than 1 and 3 the first is shown.
        caption: text below it.
        mark: whether it is the query of its row, the chosen one, or of another class.
    """

    image: UInt8[np.ndarray, "C H W"]
    caption: str = ""
    mark: Mark = ""


class Pictures(NamedTuple):
    """Rows of pictures, each perhaps with a title."""

    rows: Sequence[Sequence[Picture]]
    title: str = ""
    row_titles: Sequence[str] = ()


class Points(NamedTuple):
    """Items as points in the plane, coloured by group, with a thumbnail each.

    Attributes:
        title: title of the map.
        x: floats (N,).
        y: floats (N,).
        group: int (N,), index into the names; -1 if unknown.
        names: names of the groups.
        images: bytes (N, C, H, W), small.
    """

    title: str
    x: Float[np.ndarray, " N"]
    y: Float[np.ndarray, " N"]
    group: Int[np.ndarray, " N"]
    names: Sequence[str]
    images: UInt8[np.ndarray, "N C H W"]


Block: TypeAlias = Table | Plot | Heatmap | Pictures | Points
KINDS: dict[str, type[Block]] = {
    kind.__name__: kind for kind in (Table, Plot, Heatmap, Pictures, Points)
}
PARTS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Line, Picture)}


class Panel(NamedTuple):
    """A titled part of a report.

    Attributes:
        name: short name in lower case, unique in its report; key in W&B and anchor in the page.
        title: title that is shown.
        text: a sentence or two that say what is seen and how to read it.
        blocks: what is shown, in order.
        folded: True if the panel is opened on demand.
    """

    name: str
    title: str
    text: str
    blocks: Sequence[Block]
    folded: bool = False


def name_of(label: SupportsInt, names: Sequence[str]) -> str:
    """Return the name of a class, or "unknown" for a label outside the list, such as -1.

    >>> name_of(1, ["boot", "bag"]), name_of(-1, ["boot", "bag"])
    ('bag', 'unknown')
    """
    index = int(label)
    return names[index] if 0 <= index < len(names) else "unknown"


def save(path: Path, panels: Iterable[Panel]) -> None:
    """Write panels as one .npz: under another name first, so that it is never half there."""
    arrays: dict[str, np.ndarray] = {}
    content = [_plain(panel, arrays) for panel in panels]
    arrays["panels"] = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    beside = path.with_suffix(".tmp.npz")
    np.savez_compressed(beside, allow_pickle=False, **arrays)
    beside.replace(path)


def load(path: Path) -> list[Panel]:
    """Return the panels of a file; none if it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        return [_made(content, arrays) for content in json.loads(arrays["panels"].tobytes())]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return []


def _plain(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON holds it; arrays are put aside and replaced by their name."""
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if hasattr(value, "_asdict"):
        fields = {k: _plain(v, arrays) for k, v in value._asdict().items()}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, list | tuple):
        return [_plain(item, arrays) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _made(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return what `_plain` was given."""
    if isinstance(value, list):
        return [_made(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    kind = {**KINDS, **PARTS, "Panel": Panel}[value["kind"]]
    return kind(**{k: _made(v, arrays) for k, v in value.items() if k != "kind"})
