"""Multinomial logistic regression with an L2 penalty, for one penalty after another."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional as F

from manyviews.evaluation.answers import Labels

log = logging.getLogger(__name__)

PARTS = 8  # parts of the rows that are multiplied at once


class Linear(NamedTuple):
    """A linear classifier on standardised features, on their device.

    Attributes:
        weight: (M, D) for M classes.
        bias: (M,).
    """

    weight: Float64[Tensor, "M D"]
    bias: Float64[Tensor, " M"]

    def predict(self, x: Float[Tensor, "N D"]) -> Int64[Tensor, " N"]:
        """Return the class with the largest logit; of equal ones the smaller class."""
        return (x.double() @ self.weight.mT + self.bias).argmax(1).cpu()

    def answer(self, x: Float[Tensor, "Q D"]) -> Labels:
        """Return predicted labels, and probabilities as scores."""
        logits = (x.double() @ self.weight.mT + self.bias).cpu()
        return Labels(logits.argmax(1), logits.softmax(1))


def standardize(
    train: Float[Tensor, "N D"], test: Float[Tensor, "Q D"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "Q D"]]:
    """Standardise both by mean and deviation of train; features constant on train become 0."""
    mean, std = train.mean(0), train.std(0, correction=0)
    constant = std <= 1e-6 * train.abs().amax(0).clamp(min=1e-12)
    scale = torch.where(constant, 0.0, 1 / std.clamp(min=1e-12))
    return (train - mean) * scale, (test - mean) * scale


class Problem:
    """Mean cross-entropy + penalty |W|^2 / 2 over given rows; the bias is not penalised.

    scikit-learn's `LogisticRegression(C)` has the same minimum at penalty = 1 / (C N); for two
    classes, which share one weight vector there, at 2 / (C N).

    The minimum is found in the eigenbasis of the features, with every direction and the bias scaled
    to unit curvature: it is the same there, and L-BFGS needs a tenth of the iterations. The basis
    does not depend on the penalty, so further penalties cost their iterations only.

    Args:
        x: standardised features.
        label: class of each row.
        classes: number of classes.
    """

    def __init__(self, x: Float[Tensor, "N D"], label: Int64[Tensor, " N"], classes: int) -> None:
        self.variance, self.basis = eigenbasis(x)
        # In parts, which threads multiply at the same time: they share one long product badly. Rows
        # of zeros fill the last part; their weight is 0.
        missing = -len(x) % PARTS
        self.z = F.pad(x @ self.basis.to(x.dtype), (0, 0, 0, missing)).unflatten(0, (PARTS, -1))
        self.weight = F.pad(x.new_full((len(x),), 1 / len(x)), (0, missing)).view(PARTS, 1, -1)
        self.label = F.pad(label, (0, missing)).view(PARTS, 1, -1)
        self.target = x.new_zeros(PARTS, classes, self.z.shape[1]).scatter_(1, self.label, 1.0)

    def solve(
        self, penalty: float, start: Linear | None = None, *, max_iterations: int = 500
    ) -> Linear:
        """Return the minimiser for a penalty.

        It stops when a step lowers the objective by less than 1e-6.

        Args:
            penalty: weight of |W|^2 / 2.
            start: where to begin, for example the solution for a larger penalty; None: at 0.
            max_iterations: iterations of L-BFGS; a warning is logged if it stops there.
        """
        # About 0.1 is the curvature p (1 - p) of the cross-entropy when ten classes are undecided.
        scale, of_bias = (0.1 * self.variance + penalty).rsqrt(), 0.1**-0.5
        shape = (self.target.shape[1], len(scale) + 1)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            """Return the loss and its gradient at these scaled weights and biases."""
            u = torch.from_numpy(flat).view(shape)
            w, bias = u[:, :-1] * scale, u[:, -1:] * of_bias
            loss, residual = self._cross_entropy(w, bias)
            gradient = ((residual @ self.z).sum(0).double() + penalty * w) * scale
            loss += penalty / 2 * float(w.square().sum())
            whole = torch.cat([gradient, residual.sum((0, 2)).double()[:, None] * of_bias], 1)
            return loss, whole.numpy().ravel()

        begin = np.zeros(shape)
        if start is not None:
            begin[:, :-1] = start.weight @ self.basis / scale
            begin[:, -1] = start.bias / of_bias
        # SciPy's vectors are short: threads of its own would only take the cores from torch's.
        with threadpool_limits(1, user_api="blas"):
            found = minimize(
                objective,
                begin.ravel(),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": max_iterations, "gtol": 1e-5, "ftol": 1e-6, "maxcor": 20},
            )
        if found.nit >= max_iterations:
            log.warning("penalty %g: not converged after %d iterations", penalty, max_iterations)
        u = torch.from_numpy(found.x).view(shape)
        return Linear((u[:, :-1] * scale) @ self.basis.mT, u[:, -1] * of_bias)

    def _cross_entropy(
        self, w: Float64[Tensor, "M R"], bias: Float64[Tensor, "M 1"]
    ) -> tuple[float, Float[Tensor, "S M n"]]:
        """Return the mean cross-entropy and its gradient by the logits."""
        # Classes are rows, because a product with few rows and a softmax over columns are faster.
        logits = w.to(self.z.dtype) @ self.z.mT + bias.to(self.z.dtype)
        log_p = logits.log_softmax(1)
        loss = -float((log_p.gather(1, self.label).double() * self.weight).sum())
        return loss, log_p.exp_().sub_(self.target).mul_(self.weight)


def eigenbasis(x: Float[Tensor, "N D"]) -> tuple[Float64[Tensor, " R"], Float64[Tensor, "D R"]]:
    """Return the variances and directions in which rows vary, from the smaller Gram matrix."""
    if len(x) >= x.shape[1]:
        variance, basis = torch.linalg.eigh((x.mT @ x / len(x)).double())
        return variance.clamp(min=0), basis
    wide = x.double()  # rounding of float32 would be directions of their own
    variance, left = torch.linalg.eigh(wide @ wide.mT / len(x))
    kept = variance > 1e-12 * variance[-1].clamp(min=1e-300)
    variance, left = variance[kept], left[:, kept]
    return variance, wide.mT @ left / (len(x) * variance).sqrt()


def fit(
    x: Float[Tensor, "N D"],
    label: Int64[Tensor, " N"],
    classes: int,
    penalty: float,
    *,
    max_iterations: int = 500,
) -> Linear:
    """Return the minimiser of mean cross-entropy + penalty |W|^2 / 2; see `Problem`."""
    return Problem(x, label, classes).solve(penalty, max_iterations=max_iterations)
