"""What protocols read: the features of one backbone on one data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from manyviews.backbones.backbone import Backbone
from manyviews.datamodules.module import ViewData
from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features
from manyviews.evaluation.hold_out import held_out
from manyviews.evaluation.probes.classifier import Classifier

HELD_OUT = 0.1  # share of train that stands in for a validation split
FreshViews = Callable[[Int64[Tensor, " n"], int], Float32[Tensor, "n q D"]]


# Called with a classifier, its data, the name of what is trained, and a text that holds all that
# the result depends on beside weights and data.
Fit = Callable[[Classifier, ViewData[Any, Any], str, str], None]


class Network(NamedTuple):
    """The backbone whose features a subject holds, for protocols that run it again.

    Attributes:
        build: returns a new copy with the subject's weights, in evaluation mode, on the device on
            which features are extracted.
        data: the data, as the backbone reads them; the positions of a subject's features are rows
            of its splits.
        fit: trains a classifier to its last epoch, in place; one that was trained before is read
            again, and one that was interrupted goes on. None if nothing can be trained here.
    """

    build: Callable[[], Backbone]
    data: ViewData[Any, Any]
    fit: Fit | None = None


class Subject(NamedTuple):
    """Features that a protocol scores: those of the trained backbone, or of one of its controls.

    Attributes:
        train: features to fit on; the bank of nearest-neighbour protocols.
        test: features to score; nothing is ever chosen on them.
        classes: M, number of classes of the data set.
        val: features to choose on, if the data set has a validation split.
        fresh_views: returns features (n, q, D) of q random views of each of n training rows, which
            are given by their positions; None if the subject has no backbone.
        class_names: name of each class; empty if there are none.
        file_names: path of every training item by its position, with / between folders; None if
            the data have no files.
        network: the backbone and its data; None if the features are not those of a backbone.
        protocol: name of the protocol that reads it, as in the report; "" if it has none.
    """

    train: Features
    test: Features
    classes: int
    val: Features | None = None
    fresh_views: FreshViews | None = None
    class_names: Sequence[str] = ()
    file_names: Sequence[str] | None = None
    network: Network | None = None
    protocol: str = ""

    def to(self, device: str | torch.device) -> Subject:
        """Return the subject with its embeddings on a device; everything else stays on the CPU."""
        val = None if self.val is None else self.val.to(device)
        return self._replace(train=self.train.to(device), test=self.test.to(device), val=val)

    def labelled_train(self) -> Features:
        """Return the labelled training items.

        Raises:
            ConfigError: there are none.
        """
        known = self.train.labelled()
        if not len(known.label):
            raise ConfigError("no training item is labelled")
        return known

    def name_of(self, label: int) -> str:
        """Return the name of a class, or its number if it has none."""
        return str(self.class_names[label]) if label < len(self.class_names) else str(label)

    def fit_and_held(self, share: float = HELD_OUT, seed: int = 0) -> tuple[Features, Features]:
        """Return labelled items to fit on and labelled items to choose on; they share no group.

        The second are the validation split, if there is one with labels; otherwise a share of
        train.

        Args:
            share: share of train to hold out if there is no validation split.
            seed: seed of that split.

        Raises:
            ConfigError: no item can be held out, or none is labelled.
        """
        known = self.labelled_train()
        if self.val is not None and (self.val.label >= 0).any():
            return known, self.val.labelled()
        kept, held = held_out(known.label, share, seed, known.group)
        return known.rows(kept), known.rows(held)

    def on_validation(self) -> Subject:
        """Return the subject in which the validation items take the place of test."""
        fit, held = self.fit_and_held()
        return self._replace(train=fit, test=held, val=None)
