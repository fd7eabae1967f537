"""Fine-tuning: backbone and linear layer are trained together, on all labels or on few."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Fitted, Labels
from manyviews.evaluation.features import Features
from manyviews.evaluation.probes.classifier import Classifier
from manyviews.evaluation.probes.finetuned import BatchNorm, FineTuned
from manyviews.evaluation.probes.fitting import answers, fit
from manyviews.evaluation.probes.recipe import Recipe, Schedule
from manyviews.evaluation.protocols.low_shot import ranks, share_of
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.subset import rows_in
from manyviews.ranges import Count, InnerShare, Rate, Share, Size, mistake, within_ranges

log = logging.getLogger(__name__)

ALL = "all"  # the cell of all labels


class FineTune:
    """Backbone and linear layer trained together by SGD, each with a learning rate of its own.

    Each cell is a share of the labels with its own rates: `all`, or `p<percent>` of every class, at
    least one item of each, drawn once as `low_shot` does. The score is that after the last epoch;
    the best accuracy over all epochs, on test, stands beside it as `top1_published_style`.

    Args:
        version: version of the protocol; part of its name.
        rates: first learning rates by cell, such as `{"p1": {"trunk": 0.02, "head": 5.0}}`.
        headline: the cell that is reported as `top1`.
        epochs: passes over the training items.
        batch_size: items per step, summed over processes.
        batch_norm: "train": batch norms use the statistics of the batch and update their running
            ones; "eval": they keep their running ones.
        stages: number of last stages of the backbone that are trained; null: all.
        scale_rates: True if rates are multiplied by batch_size / 256.
        schedule: "cosine" or "steps"; rates change between epochs.
        decay_epochs: with "steps", the epochs before which rates fall.
        decay_factor: with "steps", the factor by which they fall.
        momentum: of SGD.
        weight_decay: of all trained parameters.
        subset: a file that lists the training items of a cell, by cell; see `subset.positions_in`.
        seed: of the draws, the first weights of the linear layer, the order and the crops.
        deviates: a sentence for each difference from the published protocol, for the report.

    Raises:
        ConfigError: a cell or a rate has no sense, headline or a cell of subset is not among the
            cells, or a number is outside its range.
    """

    needs_network = True

    @within_ranges
    def __init__(
        self,
        version: Size,
        rates: dict[str, dict[str, float]],
        headline: str,
        epochs: Size,
        batch_size: Size,
        batch_norm: BatchNorm = "train",
        stages: Size | None = None,
        scale_rates: bool = False,
        schedule: Schedule = "cosine",
        decay_epochs: list[Size] | None = None,
        decay_factor: InnerShare = 0.1,
        momentum: Share = 0.9,
        weight_decay: Rate = 0.0,
        subset: dict[str, str] | None = None,
        seed: Count = 0,
        deviates: list[str] | None = None,
    ) -> None:
        self.version, self.headline, self.seed = version, headline, seed
        self.stages, self.batch_norm = stages, batch_norm
        self.subset = {cell: Path(file) for cell, file in (subset or {}).items()}
        self.deviates = [*(deviates or [])]
        self.rates = {cell: _rates(cell, given) for cell, given in rates.items()}
        self.shares = {cell: _share(cell) for cell in rates if cell not in self.subset}
        for cell in (headline, *self.subset):
            if cell not in rates:
                raise ConfigError(f"finetune has no cell {cell}; allowed: {', '.join(rates)}")
        self.recipe = Recipe(
            epochs=epochs,
            batch_size=batch_size,
            head_rate=0.0,
            scale_rates=scale_rates,
            schedule=schedule,
            decay_epochs=tuple(decay_epochs or ()),
            decay_factor=decay_factor,
            momentum=momentum,
            weight_decay=weight_decay,
            seed=seed,
        )

    def fit(self, subject: Subject) -> dict[str, Classifier]:
        """Return the trained classifier of each cell; all ranks have to call it.

        Raises:
            ConfigError: there are too few items for the headline, a file does not fit the training
                items, the backbone has fewer stages, or the subject has no backbone.
        """
        known = subject.labelled_train()
        drawn = {cell: self._drawn(cell, known, subject) for cell in self.rates}
        given = {cell: train for cell, train in drawn.items() if train is not None}
        if self.headline not in given:
            raise ConfigError(
                f"finetune headline={self.headline}: {len(known.label)} labelled training items "
                f"are too few; allowed: {', '.join(given) or 'none, label more items'}"
            )
        options = {"stages": self.stages, "batch_norm": self.batch_norm}
        return {
            cell: fit(subject, cell, train, self._recipe(cell), FineTuned, **options)
            for cell, train in given.items()
        }

    def __call__(self, subject: Subject) -> dict[str, Fitted | Labels]:
        """Return the classes of the test items after the last epoch, and after the best one."""
        return answers(self.fit(subject), self.headline)

    def _recipe(self, cell: str) -> Recipe:
        head, trunk = self.rates[cell]["head"], self.rates[cell]["trunk"]
        return self.recipe._replace(head_rate=head, trunk_rate=trunk)

    def _drawn(self, cell: str, known: Features, subject: Subject) -> Features | None:
        """Return the training items of a cell; None if there are too few."""
        if cell in self.subset:
            return known.rows(rows_in(self.subset[cell], known.position, subject.file_names))
        share = self.shares[cell]
        count = known.label.bincount(minlength=subject.classes)
        classes = int((count > 0).sum())
        if share * len(known.label) < classes:
            said = "%s left out: too few labelled training items (%d of %d classes)"
            log.warning(said, cell, len(known.label), classes)
            return None
        place = ranks(known.label, known.position, self.seed, 0)
        return known.rows((place < share_of(count, share)[known.label]).nonzero()[:, 0])


def _rates(cell: str, given: dict[str, float]) -> dict[str, float]:
    """Return the rates of a cell.

    Raises:
        ConfigError: one is missing, or outside its range.
    """
    if {*given} != {"trunk", "head"}:
        raise ConfigError(f"finetune rates.{cell}={given}; allowed: {{trunk: RATE, head: RATE}}")
    for part, rate in given.items():
        if said := mistake(rate, Rate):
            raise ConfigError(f"finetune rates.{cell}.{part}={rate!r}; allowed: {said}")
    return dict(given)


def _share(cell: str) -> float:
    """Return the share of the labels that the name of a cell says.

    >>> _share("p10"), _share("all")
    (0.1, 1.0)
    """
    percent = re.fullmatch(r"p(\d+(?:\.\d+)?)", cell)
    share = 1.0 if cell == ALL else float(percent[1]) / 100 if percent else 0.0
    if not 0 < share <= 1:
        raise ConfigError(f"finetune rates.{cell}: no such cell; allowed: all, p1, p10, p0.5, ...")
    return share
