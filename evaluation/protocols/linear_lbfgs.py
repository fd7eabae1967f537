"""Linear accuracy: logistic regression on cached clean features."""

from __future__ import annotations

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Chosen
from manyviews.evaluation.grid import edge, ranked
from manyviews.evaluation.logistic import Linear, Problem, standardize
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Positive, Size, within_ranges

# C of scikit-learn, as in DINOv3's logistic regression: 10^-6 to 10^5 in steps of a quarter decade.
COSTS = [10 ** (exponent / 4) for exponent in range(-24, 21)]
PATIENCE = 6  # penalties without a better accuracy, after which smaller ones are not tried


class LinearLBFGS:
    """Multinomial logistic regression by L-BFGS on standardised features; deterministic.

    The penalty is chosen by the accuracy on the validation split or, if there is none, on a
    held-out part of train; of equally good ones the largest. The penalties are tried from the
    largest to the smallest, and each fit starts at the last solution; they end after six without
    a better accuracy. The model is then fitted on all of train and scored once on test. Features
    are standardised by the rows that are fitted on. There is no augmentation: expect 0.5 to 2
    points less than from probes that re-run the backbone.

    The fit stops when a step lowers the objective by less than 1e-6, which is at most 1e-4 above
    the minimum: probabilities are off by up to 0.02, and of 2,000 labels at most a few.

    Args:
        version: version of the protocol; part of its name.
        penalties: candidates for the weight of |W|^2 / 2 beside the mean cross-entropy. null:
            1 / (C N) for N fitted rows and the 45 values of C of DINOv3 (Simeoni et al. 2025,
            arXiv 2508.10104), 10^-6 to 10^5.
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
        best = 0
        for penalty in penalties:
            models.append(self._solved(problem, penalty, models[-1] if models else None))
            right = models[-1].predict(x_held) == held.label
            accuracy.append(float(right.double().mean()))
            best = accuracy.index(max(accuracy))  # of equal ones the largest penalty
            if len(accuracy) > best + PATIENCE:
                break
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
