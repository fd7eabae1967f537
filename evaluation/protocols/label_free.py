"""Measures that need no labels: ranks, decay of the spectrum, LiDAR, alignment and uniformity."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxtyping import Float
from torch import Tensor

from manyviews import draws
from manyviews.errors import ConfigError
from manyviews.evaluation.answers import PerItem, Scalar
from manyviews.evaluation.measures.label_free import of_embeddings, of_views
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, Size, within_ranges

PARTS = (8, 4, 2, 1)  # values of 1/8, 1/4, 1/2 and all of the items show whether N is enough


class LabelFree:
    """RankMe, effective ranks, alpha-ReQ and uniformity of test embeddings; LiDAR and alignment.

    LiDAR, the Fisher ratio beside it and alignment read fresh random views of training samples.
    They are left out if the subject has no such views, as raw pixels have none. A measure that is
    not defined for these features has no value, and its details say why.

    Args:
        version: version of the protocol; part of its name.
        items: most test embeddings that are read; if there are more, so many are drawn.
        samples: most training samples whose fresh views are read.
        views: fresh views of each of them.
        seed: seed of both draws.

    Raises:
        ConfigError: views is below 2, or another number is outside its range.
    """

    label_free = True

    @within_ranges
    def __init__(
        self,
        version: Size,
        items: Size = 25600,
        samples: Size = 1000,
        views: Size = 10,
        seed: Count = 0,
    ) -> None:
        if views < 2:
            raise ConfigError(f"label_free views={views}; allowed: 2 or more")
        self.version, self.items, self.seed = version, items, seed
        self.samples, self.views = samples, views

    def __call__(self, subject: Subject) -> list[PerItem | Scalar]:
        """Return every measure that the subject allows; no label is read."""
        test, position = subject.test.embedding, subject.train.position
        order = draws.permutation(self.seed, 0, len(test), "label_free items")[: self.items]
        found = converging(of_embeddings, test[order.to(test.device)])
        if subject.fresh_views is not None:
            order = draws.permutation(self.seed, 0, len(position), "label_free samples")
            chosen = position[order[: self.samples].to(position.device)]
            found += converging(of_views, subject.fresh_views(chosen, self.views))
        return [*found]


def converging(
    measures: Callable[[Tensor], Iterator[Scalar]], rows: Float[Tensor, "N ..."]
) -> list[Scalar]:
    """Return the measures of all rows; their details also hold those of the first N/8, N/4, N/2.

    Args:
        measures: maps rows to measures.
        rows: embeddings of items, or features of samples, in random order.
    """
    sizes = sorted({max(len(rows) // part, 1) for part in PARTS})
    by_size = [{found.name: found for found in measures(rows[:size])} for size in sizes]
    return [
        found._replace(
            details={
                **found.details,
                "convergence": [
                    {"n": size, "value": measured[name].value}
                    for size, measured in zip(sizes, by_size, strict=True)
                ],
            }
        )
        for name, found in by_size[-1].items()
    ]
