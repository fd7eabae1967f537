"""CKA between the layers of a backbone: where its depth changes what it represents."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from manyviews.evaluation import cka
from manyviews.evaluation.answers import Answers, Scalar
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.words import SUBJECTS
from manyviews.panels import Heatmap, Panel
from manyviews.ranges import Count, Size, within_ranges

TEXT = (
    "CKA between the outputs of the stages and the embedding over {items} test items: 1 if two "
    "layers arrange the items alike up to a rotation and a factor, 0 if they have nothing in "
    "common. A block of high values is a part of the network that changes little. It says what is "
    "alike, not what is good: layers of random weights are often very much alike."
)


class CKA:
    """CKA between every two layers of the backbone, over mini-batches of 256 or more test items.

    Its measure is `cka_first_embedding`, between the first stage and the embedding; the values of
    all layers are in its details and in the heat maps of the report. Features that are not those of
    a backbone have no layers.

    Args:
        version: version of the protocol; part of its name.
        items: most test items that are read; if there are more, so many are drawn.
        seed: seed of that draw.

    Raises:
        ConfigError: a number is outside its range.
    """

    label_free = True

    @within_ranges
    def __init__(self, version: Size, items: Size = cka.ITEMS, seed: Count = 0) -> None:
        self.version, self.items, self.seed = version, items, seed

    def __call__(self, subject: Subject) -> list[Scalar]:
        """Return CKA between the first stage and the embedding; [] without a backbone.

        Raises:
            ConfigError: there are fewer than four test items.
        """
        if subject.network is None:
            return []
        position = cka.drawn(subject.test.position, self.items, self.seed)
        found = cka.within(subject.network, position)
        rows = [[None if math.isnan(v) else v for v in row] for row in found.value.tolist()]
        details = {"n": found.items, "batches": found.batches, "layers": [*found.first]}
        details["values"] = rows
        value = rows[0][-1]
        if value is None:
            details["undefined"] = "a layer is collapsed: its outputs are equal for all items"
        return [Scalar("cka_first_embedding", value, details=details)]

    def panels(self, answers: Mapping[str, Answers]) -> list[Panel]:
        """Return a heat map over the layers for each subject that has some."""
        known = {
            who: found[0].details
            for who, found in answers.items()
            if isinstance(found, list) and found
        }
        blocks = [
            Heatmap(
                SUBJECTS.get(who, who),
                np.array(details["values"], dtype=float),
                details["layers"],
                details["layers"],
            )
            for who, details in known.items()
        ]
        if not blocks:
            return []
        items = next(iter(known.values()))["n"]
        return [Panel("layers", "Layers by CKA", TEXT.format(items=items), blocks)]
