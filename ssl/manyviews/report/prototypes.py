"""SwAV's prototypes: how much each is used, and what lies nearest to those which are used most.

Drawn from arrays of gallery.npz, where there are such:
    prototype_share (K,): of the train rows, those whose nearest prototype it is
    prototypes (S,): the most used, by index
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
    """One of the most used, with its share of the train rows and those nearest to it."""

    number: int
    share: float
    nearest: list[Near]


class Prototypes(NamedTuple):
    """What the section shows.

    Attributes:
        all: K.
        used: how many are the nearest of any row.
        entropy: of their use, in nats.
        most: ln K.
        use: SVG of the shares.
        shown: the most used.
    """

    all: int
    used: int
    entropy: float
    most: float
    use: Markup
    shown: list[Prototype]


def prototypes(gallery: Mapping[str, np.ndarray], classes: Sequence[str]) -> Prototypes | None:
    """The section of these arrays; None where a run has none."""
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
