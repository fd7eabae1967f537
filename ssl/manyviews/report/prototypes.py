"""The report's section on SwAV's prototypes: their use, and the rows nearest to the most used ones.

It is made from these arrays of gallery.npz, if they exist:
    prototype_share (K,): share of the train rows to which each prototype is the nearest
    prototypes (S,): indices of the most used prototypes
    prototype_images (S, R, C, H, W), prototype_label (S, R): the R train rows nearest to each
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from manyviews.report.pictures import data_uri
from manyviews.report.plots import Line, plot
from manyviews.report.words import class_name


class Near(NamedTuple):
    """A train row: a data URI and the name of its class."""

    image: str
    label: str


class Prototype(NamedTuple):
    """A much used prototype: its index, its share of the train rows, and the nearest rows."""

    number: int
    share: float
    nearest: list[Near]


class Prototypes(NamedTuple):
    """The content of the section.

    Attributes:
        all: K, the number of prototypes.
        used: number of prototypes that are the nearest to at least one row.
        entropy: entropy of their use, in nats.
        most: its largest possible value, ln K.
        use: SVG of the shares.
        shown: the most used prototypes.
    """

    all: int
    used: int
    entropy: float
    most: float
    use: Markup
    shown: list[Prototype]


def prototypes(gallery: Mapping[str, np.ndarray], classes: Sequence[str]) -> Prototypes | None:
    """Return the section, or None if the run has no such arrays."""
    if "prototypes" not in gallery:
        return None
    share = np.sort(gallery["prototype_share"])[::-1].astype(float)
    used = share[share > 0]
    line = Line("share", list(range(1, len(share) + 1)), (100 * share).tolist())
    rows = zip(
        gallery["prototypes"], gallery["prototype_images"], gallery["prototype_label"], strict=True
    )
    return Prototypes(
        len(share),
        len(used),
        float(-(used * np.log(used)).sum()),
        math.log(len(share)),
        Markup(plot([line], "prototype, by use", "share of train (%)")),
        [
            Prototype(
                int(k),
                float(gallery["prototype_share"][k]),
                [
                    Near(data_uri(i), class_name(c, classes))
                    for i, c in zip(images, labels, strict=True)
                ],
            )
            for k, images, labels in rows
        ],
    )
