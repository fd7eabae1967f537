"""Linear accuracy: logistic regression on cached clean features."""

from __future__ import annotations

import math

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Chosen
from manyviews.evaluation.grid import edge, ranked
from manyviews.evaluation.logistic import Linear, Problem, standardize
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Positive, Size, within_ranges

# C of scikit-learn: 10^-6 to 10^5 in steps of half a decade; every second one of DINOv3's 45.
COSTS = [10 ** (exponent / 2) for exponent in range(-12, 11)]
PATIENCE = 3  # penalties without a better accuracy, after which smaller ones are not tried


class LinearLBFGS:
    """Multinomial logistic regression by L-BFGS on standardised features; deterministic.

    The penalty is chosen by the accuracy on the validation split or, if there is none, on a
    held-out part of train: the largest one whose accuracy is within one standard error of the best
    (Breiman et al., "Classification and regression trees", 1984). The accuracy hardly changes over
    decades of small penalties, and the very best of them is chance. The penalties are tried from
    the largest to the smallest, and each fit starts at the last solution; once the accuracy has
    risen, they end after three without a better one. The model is then fitted on all of train and
    scored once on test. Features are standardised by the rows that are fitted on. There is no
    augmentation: expect 0.5 to 2 points less than from probes that re-run the backbone.

    The fit stops when a step lowers the objective by less than 1e-6, which is at most 1e-4 above
    the minimum: probabilities are off by up to 0.02, and of 2,000 labels at most a few.

    Args:
        version: version of the protocol; part of its name.
        penalties: candidates for the weight of |W|^2 / 2 beside the mean cross-entropy. null:
            1 / (C N) for N fitted rows and 23 values of C, 10^-6 to 10^5; DINOv3 (Simeoni et al.
            2025, arXiv 2508.10104) tries 45 values in the same range.
        holdout: share of train on which the penalty is chosen, stratified by class.
        seed: seed of that split.
        max_iterations: iterations of L-BFGS; a warning is logged if it stops there.

    Raises:
        ConfigError: there is no penalty, or a number is outside its range.
    """

    @within_ranges
    def __init__(
        self,
        version: Size,
        penalties: list[Positive] | None = None,
        holdout: InnerShare = 0.1,
        seed: Count = 0,
        max_iterations: Size = 500,
    ) -> None:
        if penalties is not None and not penalties:
            raise ConfigError("linear_lbfgs penalties=[]; allowed: one or more above 0, or null")
        self.version, self.penalties = version, penalties
        self.holdout, self.seed, self.max_iterations = holdout, seed, max_iterations

    def __call__(self, subject: Subject) -> Chosen:
        """Return predicted labels and class scores; unlabelled train items are left out."""
        kept, held = subject.fit_and_held(self.holdout, self.seed)
        x, x_held = standardize(kept.embedding.cpu(), held.embedding.cpu())
        problem, penalties = Problem(x, kept.label, subject.classes), self._candidates(len(x))
        models: list[Linear] = []
        accuracy: list[float] = []
        for penalty in penalties:
            models.append(self._solved(problem, penalty, models[-1] if models else None))
            right = models[-1].predict(x_held) == held.label
            accuracy.append(float(right.double().mean()))
            if _has_passed(accuracy, len(held.label)):
                break
        best = simplest(accuracy, len(held.label))
        penalty, tried = penalties[best], penalties[: len(models)]
        known = subject.labelled_train()
        x, x_test = standardize(known.embedding.cpu(), subject.test.embedding.cpu())
        model = self._solved(Problem(x, known.label, subject.classes), penalty, models[best])
        of = dict(zip(tried, accuracy, strict=True))
        return Chosen(
            model.answer(x_test),
            models[best].answer(x_held),
            held.label,
            {"penalty": penalty},
            edge("evaluation.linear_lbfgs.penalties", penalties, of, penalty),
            ranked([{"penalty": p} for p in tried], accuracy),
        )

    def _candidates(self, items: int) -> list[float]:
        """Return the penalties for so many fitted rows, the largest first."""
        penalties = [1 / (c * items) for c in COSTS] if self.penalties is None else self.penalties
        return sorted(set(penalties), reverse=True)

    def _solved(self, problem: Problem, penalty: float, start: Linear | None) -> Linear:
        return problem.solve(penalty, start, max_iterations=self.max_iterations)


def simplest(accuracy: list[float], items: int) -> int:
    """Return the index of the first accuracy that is within one standard error of the best.

    >>> simplest([0.70, 0.84, 0.851, 0.85], 1000)
    1

    Args:
        accuracy: of the settings, the simplest first.
        items: number of items that they were measured on.
    """
    lowest = max(accuracy) - _standard_error(max(accuracy), items)
    return next(i for i, value in enumerate(accuracy) if value >= lowest)


def _has_passed(accuracy: list[float], items: int) -> bool:
    """Return True if the best accuracy lies behind; it is flat at the largest penalties, too."""
    best = max(accuracy)
    rose = best > accuracy[0] + _standard_error(best, items)
    return rose and len(accuracy) > accuracy.index(best) + PATIENCE


def _standard_error(share: float, items: int) -> float:
    return math.sqrt(share * (1 - share) / items)
