"""The linear probe of REBAR (Xu et al. 2024, arXiv 2311.00519), as in the official code."""

from __future__ import annotations

import logging
import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from manyviews.evaluation.answers import Labels
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, Size, within_ranges

log = logging.getLogger(__name__)


class LinearRebar:
    """Multinomial logistic regression on standardised features, with equal weight for each class.

    The penalty is scikit-learn's default (C = 1); nothing is chosen.

    Args:
        version: version of the protocol; part of its name.
        max_iterations: iterations of L-BFGS; a warning is logged if it stops there.
        random_state: as in the official code; L-BFGS draws no random numbers.
    """

    @within_ranges
    def __init__(
        self, version: Size, max_iterations: Size = 1000, random_state: Count = 10
    ) -> None:
        self.version = version
        self.max_iterations, self.random_state = max_iterations, random_state

    def __call__(self, subject: Subject) -> Labels:
        """Return predicted labels and class scores; unlabelled train items are left out."""
        known, test = subject.labelled_train(), subject.test
        scores = torch.zeros(len(test.label), subject.classes, dtype=torch.float64)
        if len(known.label.unique()) == 1:  # scikit-learn refuses to fit one class
            scores[:, known.label[0]] = 1.0
            return Labels(scores.argmax(1), scores)
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(
                class_weight="balanced",
                max_iter=self.max_iterations,
                random_state=self.random_state,
            ),
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(known.embedding.cpu().numpy(), known.label.numpy())
        if said:
            log.warning("linear_rebar: not converged after %d iterations", self.max_iterations)
        found = torch.from_numpy(model.predict_proba(test.embedding.cpu().numpy())).double()
        scores[:, torch.from_numpy(model.classes_)] = found  # classes without train items stay at 0
        return Labels(scores.argmax(1), scores)
