"""Fill the templates of the pages; every name in them is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from manyviews.panels import Block, Heatmap, Pictures, Plot
from manyviews.report import figures
from manyviews.report.pictures import data_uri
from manyviews.report.scatter import placed


def filled(template: str, **values: Any) -> str:
    """Return a template of this folder as HTML; a name that has no value is an error."""
    environment = Environment(
        loader=PackageLoader("manyviews.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "together": together,
        "drawn": drawn,
        "heat": heat,
        "uri": data_uri,
        "wide": is_wide,
        "captioned": is_captioned,
        "placed": placed,
    }
    return environment.get_template(template).render(**values)


def together(blocks: Sequence[Block]) -> Iterator[tuple[str, list[tuple[str, Block]]]]:
    """Yield neighbouring blocks that share a grid, each with its name.

    They are "drawn" (plots, maps, and heat maps without names), "text" (tables and heat maps with
    names), or "Pictures".
    """
    kinds = {"Plot": "drawn", "Points": "drawn", "Table": "text", "Heatmap": "text"}

    def kind(block: Block) -> str:
        """Return the kind of grid that a block stands in."""
        is_image = isinstance(block, Heatmap) and not block.rows
        return "drawn" if is_image else kinds.get(type(block).__name__, "Pictures")

    for name, group in groupby(blocks, key=kind):
        yield name, [(type(block).__name__, block) for block in group]


def drawn(block: Plot | Heatmap) -> Markup:
    """Return a plot, or a heat map without names, as inline SVG."""
    return Markup(figures.plot(block) if isinstance(block, Plot) else figures.heatmap(block))


def heat(block: Heatmap) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the name and the cells of each row: a text, and a share from 0 to 1 as the colour."""
    most = max(float(np.nanmax(block.values, initial=0.0)), 1e-12)
    for name, row in zip(block.rows, np.asarray(block.values).tolist(), strict=True):
        yield (
            name,
            [
                {"text": "", "share": 0.0}
                if np.isnan(value)
                else {"text": f"{value:.{block.digits}f}", "share": max(value, 0.0) / most}
                for value in row
            ],
        )


def is_wide(picture: Any) -> bool:
    """Return True if a picture is wide, as those of series are."""
    image: UInt8[np.ndarray, "C H W"] = picture.image
    return image.shape[2] >= 1.5 * image.shape[1]


def is_captioned(block: Pictures) -> bool:
    """Return True if any picture has a caption."""
    return any(picture.caption for row in block.rows for picture in row)
