"""Compute the measures of a protocol's result, with their intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from manyviews.evaluation import clustering, metrics
from manyviews.evaluation.intervals import Interval, accuracy, paired, percentiles, resamples

OF_TABLE = {"balanced_accuracy": metrics.balanced_accuracy, "macro_f1": metrics.macro_f1}
OF_SCORES = {"macro_auroc": metrics.macro_auroc, "macro_auprc": metrics.macro_auprc}
OF_CLUSTERS = {
    "ari": clustering.ari,
    "nmi": clustering.nmi,
    "matched_accuracy": clustering.matched_accuracy,
}


class Hits(NamedTuple):
    """An accuracy, as 1.0 for each test item that was predicted correctly, else 0.0."""

    right: Float[Tensor, " Q"]

    def row(self) -> dict[str, float]:
        """Return value and interval, as in report.json."""
        return accuracy(self.right)._asdict()

    def minus(self, other: Hits) -> Interval:
        """Return the paired difference to another accuracy on the same items."""
        return paired(self.right, other.right)


class Resampled(NamedTuple):
    """A measure that is no mean over items.

    Attributes:
        value: the measure on the items themselves; the mean over seeds if there are several.
        drawn: the measure on each resample.
        spread: standard deviation over the seeds, None if there is one.
    """

    value: float
    drawn: Float64[Tensor, " R"]
    spread: float | None = None

    def row(self) -> dict[str, float]:
        """Return value and interval, and the spread if there are several seeds."""
        spread = {} if self.spread is None else {"spread": self.spread}
        return percentiles(self.value, self.drawn)._asdict() | spread

    def centred(self) -> Resampled:
        """Return the measure with its resamples shifted so that their mean is the value.

        An item that is drawn twice always shares a cluster with itself, which raises the agreement
        on every resample.
        """
        return self._replace(drawn=self.drawn - self.drawn.mean() + self.value)

    def minus(self, other: Resampled) -> Interval:
        """Return the difference to another measure on the same resamples."""
        return percentiles(self.value - other.value, self.drawn - other.drawn)


Measured = Hits | Resampled


def measured(
    answer: Mapping[str, Tensor],
    label: Int64[Tensor, " Q"],
    classes: int,
    further: Sequence[str] = (),
) -> dict[str, Measured]:
    """Return every measure of a protocol's result, by name.

    Args:
        answer: the result of a protocol, see `suite.Protocol`.
        label: classes of the test items.
        classes: number of classes of the dataset.
        further: measures wanted beside accuracy; those that need `scores` are left out without it.
    """
    if "clusters" in answer:
        found = _resampled(
            lambda w: _of_clusters(answer["clusters"], label, w), len(label), classes
        )
        return {name: m.centred() for name, m in found.items()}
    guesses = {name: guess for name, guess in answer.items() if name != "scores"}
    hits = {name: Hits((guess == label).float()) for name, guess in guesses.items()}
    if not further:
        return {**hits}
    found = _resampled(
        lambda w: _of_classes(answer, label, classes, further, w), len(label), classes
    )
    return {**hits, **found}


def _of_classes(
    answer: Mapping[str, Tensor],
    label: Int64[Tensor, " Q"],
    classes: int,
    further: Sequence[str],
    weight: Float64[Tensor, "R Q"],
) -> dict[str, Float64[Tensor, "1 R"]]:
    table = metrics.crossed(label, answer["top1"], weight, (classes, classes))
    found = {name: measure(table) for name, measure in OF_TABLE.items() if name in further}
    if "scores" in answer and len(label.unique()) > 1:  # one class cannot be ranked
        for name, measure in OF_SCORES.items():
            if name in further:
                found[name] = measure(label, answer["scores"], weight)
    return {name: values[None] for name, values in found.items()}


def _of_clusters(
    clusters: Int64[Tensor, "S Q"], label: Int64[Tensor, " Q"], weight: Float64[Tensor, "R Q"]
) -> dict[str, Float64[Tensor, "S R"]]:
    shape = (1 + int(label.max()), 1 + int(clusters.max()))
    tables = [metrics.crossed(label, cluster, weight, shape) for cluster in clusters]
    return {name: torch.stack([of(t) for t in tables]) for name, of in OF_CLUSTERS.items()}


def _resampled(
    measures: Callable[[Tensor], dict[str, Tensor]], items: int, classes: int
) -> dict[str, Resampled]:
    """Apply measures, from weights (R, Q) to values (S, R), to the items and to their resamples."""
    itself = measures(torch.ones(1, items, dtype=torch.float64))
    pieces = [measures(weight) for weight in resamples(items, cells=classes**2)]
    return {
        name: Resampled(
            float(value.mean()),
            torch.cat([piece[name].mean(0) for piece in pieces]),
            float(value.std()) if len(value) > 1 else None,
        )
        for name, value in itself.items()
    }
