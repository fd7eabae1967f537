"""Linear accuracy: logistic regression on cached clean features."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import Tensor

from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features

log = logging.getLogger(__name__)
Array = Float[np.ndarray, "N D"]


class LinearLBFGS:
    """Multinomial logistic regression by L-BFGS on standardised features; deterministic.

    The penalty is chosen on a held-out part of train, the model refitted on all of train and scored
    once on test. No augmentation: expect 0.5 to 2 points less than probes that re-run the backbone.

    Args:
        version: of the protocol; part of its name.
        penalties: candidates for the weight of |W|^2 / 2 beside the mean cross-entropy.
        holdout: share of train on which the penalty is chosen.
        seed: of the stratified split.
        max_iterations: of L-BFGS; stopping there is logged.
    """

    def __init__(
        self,
        version: int,
        penalties: list[float],
        holdout: float = 0.1,
        seed: int = 0,
        max_iterations: int = 500,
    ) -> None:
        if not penalties or min(penalties) <= 0:
            raise ConfigError(f"linear_lbfgs penalties={penalties}; allowed: one or more above 0")
        if not 0 < holdout < 1:
            raise ConfigError(f"linear_lbfgs holdout={holdout}; allowed: above 0, below 1")
        self.version = version
        self.penalties = sorted(penalties, reverse=True)
        self.holdout, self.seed, self.max_iterations = holdout, seed, max_iterations

    def __call__(
        self, train: Features, test: Features, classes: int
    ) -> dict[str, Int64[Tensor, " Q"]]:
        """Predicted labels of the test items as `top1`; unlabelled train items are left out."""
        known = train.labelled()
        x, x_test = standardize(known.embedding, test.embedding)
        label = known.label.numpy()
        penalty = self._choose(x, label)
        model = self._fit(x, label, [p for p in self.penalties if p >= penalty])[-1]
        return {"top1": torch.from_numpy(model.predict(x_test).astype(np.int64))}

    def _choose(self, x: Array, label: Int64[np.ndarray, " N"]) -> float:
        """The penalty with the best accuracy on the held-out part; of equals the largest."""
        fit, held = train_test_split(
            np.arange(len(label)), test_size=self.holdout, random_state=self.seed, stratify=label
        )
        models = self._fit(x[fit], label[fit], self.penalties)
        accuracy = [model.score(x[held], label[held]) for model in models]
        return self.penalties[int(np.argmax(accuracy))]

    def _fit(
        self, x: Array, label: Int64[np.ndarray, " N"], penalties: list[float]
    ) -> list[LogisticRegression]:
        """One model per penalty, from strong to weak, each begun at the one before."""
        models: list[LogisticRegression] = []
        for penalty in penalties:
            model = LogisticRegression(
                C=1 / (penalty * len(label)), max_iter=self.max_iterations, warm_start=True
            )
            if models:
                model.coef_, model.intercept_ = (
                    models[-1].coef_.copy(),
                    models[-1].intercept_.copy(),
                )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x, label)
            if int(np.max(model.n_iter_)) >= self.max_iterations:
                log.warning("not converged after %d iterations", self.max_iterations)
            models.append(model)
        return models


def standardize(
    train: Float[Tensor, "N D"], test: Float[Tensor, "Q D"]
) -> tuple[Array, Float[np.ndarray, "Q D"]]:
    """Both with the mean and deviation of train; a feature constant on train becomes 0."""
    mean, std = train.mean(0), train.std(0, correction=0)
    constant = std <= 1e-6 * train.abs().amax(0).clamp(min=1e-12)
    scale = torch.where(constant, 0.0, 1 / std.clamp(min=1e-12))
    return ((train - mean) * scale).numpy(), ((test - mean) * scale).numpy()
