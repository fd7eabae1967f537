"""Compute the measures of a protocol's answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from manyviews.evaluation.answers import (
    Answer,
    Answers,
    Chosen,
    Clusters,
    Draws,
    Fitted,
    Labels,
    PerItem,
    Scalar,
)
from manyviews.evaluation.measures import classification, clusters
from manyviews.evaluation.measures.intervals import resamples
from manyviews.evaluation.measures.values import Items, Means, Measured, Number, Resampled

OF_TABLE = {
    "balanced_accuracy": classification.balanced_accuracy,
    "macro_f1": classification.macro_f1,
}
OF_SCORES = ("macro_auroc", "macro_auprc")
OF_CLUSTERS = {
    "ari": clusters.ari,
    "nmi": clusters.nmi,
    "matched_accuracy": clusters.matched_accuracy,
}
MEASURES = ("top1", "top5", *OF_TABLE, *OF_SCORES)  # of predicted labels; a config chooses
MANY_CLASSES = 20  # from so many classes on, top-5 accuracy is measured by default
# A ranking measure costs classes x items x resamples; beyond this product, fewer are drawn.
MOST_RANKED, FEWEST_RESAMPLES = 2e7, 100


def measures_of(classes: int, chosen: Collection[str] | None) -> tuple[str, ...]:
    """Return the measures of predicted labels: those that are chosen, or the usual ones."""
    if chosen is not None:
        return tuple(name for name in MEASURES if name in chosen)
    return tuple(name for name in MEASURES if name != "top5" or classes >= MANY_CLASSES)


def measured(
    answers: Answers, items: Items, measures: Collection[str] | None = None
) -> dict[str, Measured]:
    """Return every measure of a protocol's answers by name: `top1`, `top1_k20`, `ari`, ...

    Beside the headline only the accuracy of a cell is measured.

    Args:
        answers: what a protocol returned.
        items: the test items.
        measures: measures of predicted labels, out of `MEASURES`; None: the usual ones.
    """
    found: dict[str, Measured] = {}
    for cell, answer in cells(answers):
        wanted = measures_of(items.classes, measures) if not cell else ("top1",)
        for name, value in _of(answer, items, wanted):
            found[f"{name}_{cell}" if cell else name] = value
    return found


def cells(answers: Answers) -> Iterator[tuple[str, Answer]]:
    """Yield the answers with their cells; the cell of a single answer is ""."""
    if isinstance(answers, Mapping):
        yield from answers.items()
    elif isinstance(answers, list):
        yield from (("", answer) for answer in answers)
    else:
        yield "", answers


def _of(answer: Answer, items: Items, wanted: Sequence[str]) -> Iterator[tuple[str, Measured]]:
    if isinstance(answer, Chosen | Fitted):
        answer = answer.answer
    if isinstance(answer, PerItem):
        counted = ~answer.value.isnan()
        yield (
            answer.name,
            Means(answer.value[counted], items.rows(counted), share=False, better=answer.better),
        )
    elif isinstance(answer, Scalar):
        yield answer.name, Number(answer.value, answer.better, answer.details)
    else:
        drawn = [*answer.answers] if isinstance(answer, Draws) else [answer]
        if labels := [a for a in drawn if isinstance(a, Labels)]:
            yield from _of_labels(labels, items, wanted)
        else:
            yield from _of_clusters([a for a in drawn if isinstance(a, Clusters)], items)


def _of_labels(
    drawn: list[Labels], items: Items, wanted: Sequence[str]
) -> Iterator[tuple[str, Measured]]:
    """Yield the measures of predicted labels, as means over the draws."""
    scores = [labels.scores for labels in drawn if labels.scores is not None]
    scored = len(scores) == len(drawn)
    if "top1" in wanted:
        yield "top1", _mean([(a.top1 == items.label).double() for a in drawn], items)
    if "top5" in wanted and scored:
        yield "top5", _mean([_among_first(s, items.label, 5) for s in scores], items)
    if tables := {name: of for name, of in OF_TABLE.items() if name in wanted}:

        def of_tables(weight: Tensor) -> dict[str, Tensor]:
            shape = (items.classes, items.classes)
            crossed = [classification.crossed(items.label, a.top1, weight, shape) for a in drawn]
            return {name: torch.stack([of(t) for t in crossed]) for name, of in tables.items()}

        yield from _resampled(of_tables, items, items.classes**2).items()
    ranking = [name for name in OF_SCORES if name in wanted]
    if ranking and scored and len(items.label.unique()) > 1:  # one class cannot be ranked

        def of_scores(weight: Tensor) -> dict[str, Tensor]:
            found = [classification.ranking(items.label, s, weight) for s in scores]
            return {name: torch.stack([one[name] for one in found]) for name in ranking}

        most = MOST_RANKED / (len(items.label) * items.classes * len(drawn))
        draws = int(min(1000, max(FEWEST_RESAMPLES, most)))
        yield from _resampled(of_scores, items, items.classes**2, draws).items()


def _among_first(scores: Tensor, label: Tensor, count: int) -> Float64[Tensor, " Q"]:
    """Return 1 for each item whose class is among those with the highest scores, else 0."""
    first = scores.topk(min(count, scores.shape[1]), dim=1).indices
    return (first == label[:, None]).any(1).double()


def _mean(right: list[Tensor], items: Items) -> Means:
    each = torch.stack([r.mean() for r in right])
    spread = float(each.std()) if len(right) > 1 else None
    return Means(torch.stack(right).mean(0), items, spread)


def _of_clusters(drawn: list[Clusters], items: Items) -> Iterator[tuple[str, Measured]]:
    shape = (1 + int(items.label.max()), 1 + max(int(a.cluster.max()) for a in drawn))

    def of_clusters(weight: Tensor) -> dict[str, Tensor]:
        tables = [
            classification.crossed(items.label, answer.cluster, weight, shape) for answer in drawn
        ]
        return {name: torch.stack([of(t) for t in tables]) for name, of in OF_CLUSTERS.items()}

    for name, value in _resampled(of_clusters, items, shape[0] * shape[1]).items():
        yield name, value.centred()


def _resampled(
    measures: Callable[[Tensor], dict[str, Tensor]], items: Items, cells: int, draws: int = 1000
) -> dict[str, Resampled]:
    """Apply measures, from weights (R, Q) to values (S, R), to the items and to their resamples."""
    count = len(items.label)
    itself = measures(torch.ones(1, count, dtype=torch.float64))

    def drawn(group: Tensor | None) -> dict[str, Tensor]:
        pieces = [measures(w) for w in resamples(count, group=group, cells=cells, draws=draws)]
        return {name: torch.cat([piece[name].mean(0) for piece in pieces]) for name in itself}

    over_items = drawn(None)
    over_groups = drawn(items.group) if items.speaks_of_others else {}
    return {
        name: Resampled(
            float(value.mean()),
            over_items[name],
            over_groups.get(name),
            items,
            float(value.std()) if len(value) > 1 else None,
        )
        for name, value in itself.items()
    }
