"""Linear accuracy by SGD: a grid of learning rates and weight decays, trained as one product."""

from __future__ import annotations

import math
from itertools import product

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Chosen
from manyviews.evaluation.grid import edge, ranked
from manyviews.evaluation.logistic import Linear, standardize
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Rate, Size, within_ranges


class LinearGrid:
    """Linear heads trained by SGD (momentum 0.9, cosine schedule) on standardised cached features.

    There is a head for every pair of learning rate and weight decay; all heads see the same
    batches. The pair with the best accuracy on the validation split, or on a held-out part of
    train, is fitted again on all of train and scored once on test. Features are standardised by
    the rows that are fitted on. The heads are trained on the device of the features. There is no
    augmentation: expect 0.5 to 2 points less than from probes that re-run the backbone.

    Args:
        version: version of the protocol; part of its name.
        learning_rates: candidates for the learning rate; not scaled by the batch size.
        weight_decays: candidates for the weight decay.
        epochs: epochs of each of the two fits.
        batch_size: rows per step; the last incomplete batch of an epoch is left out.
        holdout: share of train on which the pair is chosen, stratified by class.
        seed: seed of that split and of the order of the rows.

    Raises:
        ConfigError: a number is outside its range.
    """

    @within_ranges
    def __init__(
        self,
        version: Size,
        learning_rates: list[Rate],
        weight_decays: list[Rate],
        epochs: Size = 50,
        batch_size: Size = 256,
        holdout: InnerShare = 0.1,
        seed: Count = 0,
    ) -> None:
        if not learning_rates or min(learning_rates) <= 0:
            raise ConfigError(
                f"linear learning_rates={learning_rates}; allowed: one or more above 0"
            )
        if not weight_decays:
            raise ConfigError("linear weight_decays=[]; allowed: one or more")
        self.version = version
        self.grid = [*product(learning_rates, weight_decays)]
        self.epochs, self.batch_size, self.holdout, self.seed = epochs, batch_size, holdout, seed

    def __call__(self, subject: Subject) -> Chosen:
        """Return predicted labels and class scores; unlabelled train items are left out."""
        kept, held = subject.fit_and_held(self.holdout, self.seed)
        x, x_held = standardize(kept.embedding, held.embedding)
        heads = self.fit(x, kept.label, subject.classes, self.grid)
        accuracy = [float((h.predict(x_held) == held.label).double().mean()) for h in heads]
        best = accuracy.index(max(accuracy))  # of equal ones the first pair of the grid
        known = subject.labelled_train()
        x, x_test = standardize(known.embedding, subject.test.embedding)
        (model,) = self.fit(x, known.label, subject.classes, [self.grid[best]])
        settings = [{"learning_rate": rate, "weight_decay": decay} for rate, decay in self.grid]
        return Chosen(
            model.answer(x_test),
            heads[best].answer(x_held),
            held.label,
            settings[best],
            self._edge(dict(zip(self.grid, accuracy, strict=True)), self.grid[best]),
            ranked(settings, accuracy),
        )

    def _edge(self, accuracy: dict[tuple[float, float], float], best: tuple[float, float]) -> str:
        """Return what to type if the best pair has an extreme learning rate or weight decay."""
        rate, decay = best
        of_rate = {r: a for (r, d), a in accuracy.items() if d == decay}
        of_decay = {d: a for (r, d), a in accuracy.items() if r == rate}
        said = (
            edge("evaluation.linear.learning_rates", [*of_rate], of_rate, rate),
            edge("evaluation.linear.weight_decays", [*of_decay], of_decay, decay),
        )
        return "; ".join(sentence for sentence in said if sentence)

    def fit(
        self,
        x: Float[Tensor, "N D"],
        label: Int64[Tensor, " N"],
        classes: int,
        grid: list[tuple[float, float]],
    ) -> list[Linear]:
        """Return a head for every pair (learning rate, weight decay) of the grid, trained on x."""
        pairs = torch.tensor(grid).to(x.device)
        rate, decay = pairs[:, 0].view(-1, 1, 1), pairs[:, 1].view(-1, 1, 1)
        # A column of ones carries the bias; it is not decayed.
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
        decay = decay * torch.cat([x.new_ones(x.shape[1] - 1), x.new_zeros(1)])
        target = torch.nn.functional.one_hot(label.to(x.device), classes).float().mT
        weight = x.new_zeros(len(grid), classes, x.shape[1])
        velocity = torch.zeros_like(weight)
        batch = min(self.batch_size, len(x))
        steps, step = self.epochs * (len(x) // batch), 0
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.epochs):
            order = torch.randperm(len(x), generator=generator).to(x.device)
            for rows in order[: len(x) // batch * batch].view(-1, batch):
                gradient = cross_entropy_gradient(weight, x[rows], target[:, rows])
                velocity.mul_(0.9).add_(gradient).addcmul_(decay, weight)
                factor = 0.5 * (1 + math.cos(math.pi * step / steps))
                weight.addcmul_(rate * factor, velocity, value=-1)
                step += 1
        return [Linear(w[:, :-1].double(), w[:, -1].double()) for w in weight]


def cross_entropy_gradient(
    weight: Float[Tensor, "G M D"], x: Float[Tensor, "B D"], target: Float[Tensor, "M B"]
) -> Float[Tensor, "G M D"]:
    """Return the gradient of each head's mean cross-entropy, by two products for all heads."""
    heads, classes, width = weight.shape
    logits = (weight.view(-1, width) @ x.mT).view(heads, classes, -1)
    residual = logits.softmax(1).sub_(target).div_(len(x))  # in place: a new tensor costs more
    return (residual.view(heads * classes, -1) @ x).view_as(weight)
