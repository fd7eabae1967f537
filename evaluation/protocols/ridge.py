"""Ridge classification, the classifier of ROCKET (Dempster et al. 2020, arXiv 1910.13051)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Chosen
from manyviews.evaluation.features import Features
from manyviews.evaluation.grid import edge, ranked
from manyviews.evaluation.logistic import Linear, eigenbasis, standardize
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Positive, Size, within_ranges


class Ridge:
    """Least squares to +1 for an item's class and -1 for the others, on standardised features.

    The weights minimise |X W - Y|^2 + alpha |W|^2, in closed form for every alpha. The alpha with
    the best accuracy on the validation split, or on a held-out part of train, is fitted again on
    all of train. ROCKET's code chooses it by leaving out one item, which favours small alphas where
    items come in groups.

    Args:
        version: version of the protocol; part of its name.
        alphas: candidates for the penalty.
        holdout: share of train on which it is chosen, stratified by class.
        seed: seed of that split.

    Raises:
        ConfigError: there is no alpha, or a number is outside its range.
    """

    @within_ranges
    def __init__(
        self,
        version: Size,
        alphas: list[Positive],
        holdout: InnerShare = 0.1,
        seed: Count = 0,
    ) -> None:
        if not alphas:
            raise ConfigError("ridge alphas=[]; allowed: one or more above 0")
        self.version, self.alphas = version, sorted(alphas, reverse=True)
        self.holdout, self.seed = holdout, seed

    def __call__(self, subject: Subject) -> Chosen:
        """Return predicted labels and class scores; unlabelled train items are left out."""
        kept, held = subject.fit_and_held(self.holdout, self.seed)
        models, x_held = _fitted(kept, held.embedding, subject.classes, self.alphas)
        accuracy = [float((m.predict(x_held) == held.label).double().mean()) for m in models]
        best = accuracy.index(max(accuracy))  # of equal ones the largest penalty
        alpha = self.alphas[best]
        (model,), x_test = _fitted(
            subject.labelled_train(), subject.test.embedding, subject.classes, [alpha]
        )
        of = dict(zip(self.alphas, accuracy, strict=True))
        return Chosen(
            model.answer(x_test),
            models[best].answer(x_held),
            held.label,
            {"alpha": alpha},
            edge("evaluation.ridge.alphas", self.alphas, of, alpha),
            ranked([{"alpha": a} for a in self.alphas], accuracy),
        )


def _fitted(
    train: Features, other: Float[Tensor, "Q D"], classes: int, alphas: list[float]
) -> tuple[list[Linear], Float64[Tensor, "Q D"]]:
    """Return the solution for each alpha, and the other features standardised by those of train."""
    x, x_other = standardize(train.embedding.cpu().double(), other.cpu().double())
    variance, basis = eigenbasis(x)
    target = 2.0 * torch.nn.functional.one_hot(train.label, classes).double() - 1
    along = basis.mT @ (x.mT @ target)  # features are centred, so the intercept is the mean target
    models = [
        Linear((basis @ (along / (len(x) * variance + alpha)[:, None])).mT, target.mean(0))
        for alpha in alphas
    ]
    return models, x_other
