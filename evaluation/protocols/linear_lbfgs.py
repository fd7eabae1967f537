"""Linear accuracy: logistic regression on cached clean features."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import minimize
from torch import Tensor

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Chosen, Labels
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Positive, Size, within_ranges

log = logging.getLogger(__name__)


class Linear(NamedTuple):
    """A linear classifier on standardised features.

    Attributes:
        weight: (M, D) for M classes.
        bias: (M,).
    """

    weight: Float64[Tensor, "M D"]
    bias: Float64[Tensor, " M"]

    def predict(self, x: Float[Tensor, "N D"]) -> Int64[Tensor, " N"]:
        """Return the class with the largest logit; of equal ones the smaller class."""
        return (x.double() @ self.weight.mT + self.bias).argmax(1)

    def answer(self, x: Float[Tensor, "Q D"]) -> Labels:
        """Return predicted labels, and probabilities as scores."""
        probability = (x.double() @ self.weight.mT + self.bias).softmax(1)
        return Labels(self.predict(x), probability)


class LinearLBFGS:
    """Multinomial logistic regression by L-BFGS on standardised features; deterministic.

    The penalty is chosen on a held-out part of train; the model is then fitted on all of train and
    scored once on test. There is no augmentation: expect 0.5 to 2 points less than from probes that
    re-run the backbone.

    The fit stops when a step lowers the objective by less than 1e-6, which is at most 1e-4 above
    the minimum: probabilities are off by up to 0.02, and of 2,000 labels at most a few.

    Args:
        version: version of the protocol; part of its name.
        penalties: candidates for the weight of |W|^2 / 2 beside the mean cross-entropy.
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
        penalties: list[Positive],
        holdout: InnerShare = 0.1,
        seed: Count = 0,
        max_iterations: Size = 500,
    ) -> None:
        if not penalties:
            raise ConfigError("linear_lbfgs penalties=[]; allowed: one or more above 0")
        self.version = version
        self.penalties = sorted(penalties, reverse=True)
        self.holdout, self.seed, self.max_iterations = holdout, seed, max_iterations

    def __call__(self, subject: Subject) -> Chosen:
        """Return predicted labels and class scores; unlabelled train items are left out."""
        kept, held = subject.fit_and_held(self.holdout, self.seed)
        x, x_held = standardize(kept.embedding, held.embedding)
        models = [
            fit(x, kept.label, subject.classes, penalty, max_iterations=self.max_iterations)
            for penalty in self.penalties
        ]
        accuracy = [float((m.predict(x_held) == held.label).double().mean()) for m in models]
        best = int(np.argmax(accuracy))  # of equal ones the largest penalty
        known = subject.train.labelled()
        x, x_test = standardize(known.embedding, subject.test.embedding)
        penalty = self.penalties[best]
        model = fit(x, known.label, subject.classes, penalty, max_iterations=self.max_iterations)
        return Chosen(
            model.answer(x_test), models[best].answer(x_held), held.label, {"penalty": penalty}
        )


def standardize(
    train: Float[Tensor, "N D"], test: Float[Tensor, "Q D"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "Q D"]]:
    """Standardise both by mean and deviation of train; features constant on train become 0."""
    mean, std = train.mean(0), train.std(0, correction=0)
    constant = std <= 1e-6 * train.abs().amax(0).clamp(min=1e-12)
    scale = torch.where(constant, 0.0, 1 / std.clamp(min=1e-12))
    return (train - mean) * scale, (test - mean) * scale


def fit(
    x: Float[Tensor, "N D"],
    label: Int64[Tensor, " N"],
    classes: int,
    penalty: float,
    *,
    max_iterations: int = 500,
) -> Linear:
    """Return the minimiser of mean cross-entropy + penalty |W|^2 / 2; the bias is not penalised.

    It is found in the eigenbasis of the features, with every direction scaled to unit curvature:
    the minimum is the same, and L-BFGS needs a tenth of the iterations.

    Args:
        x: standardised features.
        label: class of each row.
        classes: number of classes.
        penalty: weight of |W|^2 / 2.
        max_iterations: iterations of L-BFGS; a warning is logged if it stops there.
    """
    variance, basis = torch.linalg.eigh((x.mT @ x / len(x)).double())
    # About 0.1 is the curvature p (1 - p) of the cross-entropy when ten classes are undecided.
    scale = (0.1 * variance.clamp(min=0) + penalty).rsqrt()
    z = (x.double() @ (basis * scale)).to(x.dtype).contiguous()
    rows, target = torch.arange(len(label)), torch.zeros(classes, len(label), dtype=x.dtype)
    target[label, rows] = 1.0
    shape = (classes, z.shape[1] + 1)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at these scaled weights and biases."""
        u = torch.from_numpy(flat).view(shape)
        w, bias = u[:, :-1], u[:, -1:]
        # Classes are rows, because a product with few rows and a softmax over columns are faster.
        log_p = (w.to(z.dtype) @ z.mT + bias.to(z.dtype)).log_softmax(0)
        residual = (log_p.exp() - target) / len(z)
        gradient = torch.cat([(residual @ z).double(), residual.sum(1, True).double()], 1)
        gradient[:, :-1] += penalty * w * scale.square()
        loss = -log_p[label, rows].double().mean() + penalty / 2 * (w * scale).square().sum()
        return float(loss), gradient.numpy().ravel()

    found = minimize(
        objective,
        np.zeros(shape).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iterations, "gtol": 1e-5, "ftol": 1e-6, "maxcor": 20},
    )
    if found.nit >= max_iterations:
        log.warning("penalty %g: not converged after %d iterations", penalty, max_iterations)
    u = torch.from_numpy(found.x).view(shape)
    return Linear(u[:, :-1] @ (basis * scale).mT, u[:, -1].clone())
