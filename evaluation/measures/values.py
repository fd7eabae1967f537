"""Measured values with their intervals and paired differences, as rows of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from manyviews.evaluation.answers import Better
from manyviews.evaluation.measures.intervals import (
    FEWEST_GROUPS,
    Interval,
    accuracy,
    bootstrap,
    grouped,
    numbered,
    percentiles,
    widened,
)


class Items(NamedTuple):
    """The test items that an answer is about.

    Attributes:
        label: int64 (Q,), their classes.
        classes: M, number of classes of the data set.
        group: int64 (Q,), the group of each item, -1 if unknown; None if the data have no groups.
    """

    label: Int64[Tensor, " Q"]
    classes: int
    group: Int64[Tensor, " Q"] | None = None

    def rows(self, kept: Bool[Tensor, " Q"]) -> Items:
        """Return only the items that are marked."""
        group = None if self.group is None else self.group[kept]
        return Items(self.label[kept], self.classes, group)

    @property
    def groups(self) -> int | None:
        """Number of groups, None if the data have none."""
        return None if self.group is None else int(numbered(self.group).max()) + 1

    @property
    def speaks_of_others(self) -> bool:
        """True if there are enough groups for an interval that holds for other groups."""
        return self.groups is not None and self.groups >= FEWEST_GROUPS


class Means(NamedTuple):
    """A measure that is the mean of a value per item, such as the accuracy.

    Attributes:
        value: value of each item; for several draws its mean over them.
        items: the items.
        spread: standard deviation over the draws, None if there is one.
        share: True if each value is 1 (right) or 0 (wrong).
        better: whether a higher or a lower value is better.
    """

    value: Float[Tensor, " Q"]
    items: Items
    spread: float | None = None
    share: bool = True
    better: Better = "higher"

    def row(self) -> dict[str, Any]:
        """Return value and interval, as in report.json."""
        exact = self.share and self.spread is None
        over_items = accuracy(self.value) if exact else bootstrap(self.value)
        over_groups = self._over_groups(self.value)
        if self.share and over_groups is not None:
            over_groups = over_groups.within(0.0, 1.0)
        return _row(over_items, over_groups, self.items, self.spread)

    def minus(self, other: Means) -> dict[str, Any]:
        """Return the paired difference to the same measure of another subject."""
        difference = self.value.double() - other.value.double()
        return _row(bootstrap(difference), self._over_groups(difference), self.items)

    def _over_groups(self, value: Tensor) -> Interval | None:
        speaks, group = self.items.speaks_of_others, self.items.group
        return grouped(value, group) if speaks and group is not None else None


class Resampled(NamedTuple):
    """A measure that is no mean over items.

    Attributes:
        value: the measure on the items themselves; the mean over draws if there are several.
        drawn: the measure on each resample of the items.
        by_group: the measure on each resample of whole groups, None if there are too few or none.
        items: the items.
        spread: standard deviation over the draws, None if there is one.
        better: whether a higher or a lower value is better.
    """

    value: float
    drawn: Float64[Tensor, " R"]
    by_group: Float64[Tensor, " R"] | None
    items: Items
    spread: float | None = None
    better: Better = "higher"

    def row(self) -> dict[str, Any]:
        """Return value and interval, and the spread if there are several draws."""
        groups = None if self.by_group is None else self._over_groups(self.value, self.by_group)
        return _row(percentiles(self.value, self.drawn), groups, self.items, self.spread)

    def centred(self) -> Resampled:
        """Return the measure with its resamples shifted so that their mean is the value.

        An item that is drawn twice always shares a cluster with itself, which raises the agreement
        on every resample.
        """

        def shifted(drawn: Tensor | None) -> Tensor | None:
            return None if drawn is None else drawn - drawn.mean() + self.value

        return self._replace(drawn=shifted(self.drawn), by_group=shifted(self.by_group))

    def minus(self, other: Resampled) -> dict[str, Any]:
        """Return the difference to another measure on the same resamples."""
        value, groups = self.value - other.value, None
        if self.by_group is not None and other.by_group is not None:
            groups = self._over_groups(value, self.by_group - other.by_group)
        return _row(percentiles(value, self.drawn - other.drawn), groups, self.items)

    def _over_groups(self, value: float, drawn: Tensor) -> Interval:
        return percentiles(value, widened(value, drawn, self.items.groups or 0))


class Number(NamedTuple):
    """A measure without an interval.

    Attributes:
        value: the number; None if it is not defined, see `Scalar`.
        better: whether a higher or a lower value is better; None if neither is.
        details: how it was computed.
    """

    value: float | None
    better: Better | None
    details: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        """Return the value and how it was computed; there is no interval."""
        row = {"value": self.value, "low": None, "high": None}
        return row | ({"details": dict(self.details)} if self.details else {})


Measured = Means | Resampled | Number


def _row(
    over_items: Interval, over_groups: Interval | None, items: Items, spread: float | None = None
) -> dict[str, Any]:
    """Return value and interval; if there are groups, also the interval over items by its name.

    With fewer than `FEWEST_GROUPS` groups the interval stays that over items, and `few_groups` is
    their number: nothing can be said about other groups.
    """
    row: dict[str, Any] = (over_groups or over_items)._asdict()
    if over_groups is not None:
        row |= {"over": "groups", "items_low": over_items.low, "items_high": over_items.high}
    elif items.groups is not None:
        row |= {"few_groups": items.groups}
    return row if spread is None else row | {"spread": spread}
