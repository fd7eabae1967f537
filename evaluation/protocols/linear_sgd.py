"""Linear probes of papers: SGD on random crops, the backbone run again and frozen."""

from __future__ import annotations

from typing import Literal

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Fitted, Labels
from manyviews.evaluation.probes.classifier import Classifier
from manyviews.evaluation.probes.fitting import answers, fit, trainable
from manyviews.evaluation.probes.frozen import Frozen
from manyviews.evaluation.probes.inputs import Interpolation
from manyviews.evaluation.probes.recipe import Recipe, Schedule
from manyviews.evaluation.subject import Subject
from manyviews.ranges import Count, InnerShare, Rate, Share, Size, within_ranges


class LinearSGD:
    """A linear layer that is trained on random crops of the images, on a frozen backbone.

    The score is that after the last epoch. The best accuracy over all epochs, on test, stands
    beside it as `top1_published_style`, because papers report it; nothing is chosen by it.

    Args:
        version: version of the protocol; part of its name.
        epochs: passes over the training items.
        batch_size: items per step, summed over processes.
        rate: first learning rate.
        scale_rate: True if it is multiplied by batch_size / 256.
        schedule: "cosine" or "steps"; the rate changes between epochs.
        decay_epochs: with "steps", the epochs before which the rate falls.
        decay_factor: with "steps", the factor by which it falls.
        momentum: of SGD.
        weight_decay: of weights and biases.
        optimizer: "sgd" or "larc".
        interpolation: filter with which clean images are resized.
        seed: of the first weights, the order of the items, and the crops.
        deviates: a sentence for each difference from the published protocol, for the report.

    Raises:
        ConfigError: a number is outside its range.
    """

    needs_network = True

    @within_ranges
    def __init__(
        self,
        version: Size,
        epochs: Size,
        batch_size: Size,
        rate: Rate,
        scale_rate: bool = False,
        schedule: Schedule = "cosine",
        decay_epochs: list[Size] | None = None,
        decay_factor: InnerShare = 0.1,
        momentum: Share = 0.9,
        weight_decay: Rate = 0.0,
        optimizer: Literal["sgd", "larc"] = "sgd",
        interpolation: Interpolation = "bilinear",
        seed: Count = 0,
        deviates: list[str] | None = None,
    ) -> None:
        self.version = version
        self.interpolation: Interpolation = interpolation
        self.deviates = [*(deviates or [])]
        self.recipe = Recipe(
            epochs=epochs,
            batch_size=batch_size,
            head_rate=rate,
            scale_rates=scale_rate,
            schedule=schedule,
            decay_epochs=tuple(decay_epochs or ()),
            decay_factor=decay_factor,
            momentum=momentum,
            weight_decay=weight_decay,
            optimizer=optimizer,
            seed=seed,
        )

    def fit(self, subject: Subject) -> dict[str, Classifier]:
        """Return the trained classifier, under the name ""; all ranks have to call it.

        Raises:
            ConfigError: the data are series, or the subject has no backbone.
        """
        if trainable(subject)[0].data.reads == "series":
            raise ConfigError("this probe crops images; for series type evaluation=[linear_rebar]")
        train = subject.labelled_train()
        return {"": fit(subject, "", train, self.recipe, Frozen, self.interpolation)}

    def __call__(self, subject: Subject) -> dict[str, Fitted | Labels]:
        """Return the classes of the test items after the last epoch, and after the best one."""
        return answers(self.fit(subject), "")
