"""Train the classifiers of a protocol, and answer with what they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from manyviews.datamodules.module import Split
from manyviews.errors import ConfigError
from manyviews.evaluation.answers import Fitted, Labels
from manyviews.evaluation.features import Features
from manyviews.evaluation.probes.classifier import Classifier
from manyviews.evaluation.probes.inputs import Interpolation, inputs
from manyviews.evaluation.probes.recipe import Recipe
from manyviews.evaluation.subject import Fit, Network, Subject
from manyviews.evaluation.subset import hashed

PUBLISHED = "published_style"  # the cell of the best epoch on test, as several papers report


def fit(
    subject: Subject,
    cell: str,
    train: Features,
    recipe: Recipe,
    kind: Callable[..., Classifier],
    interpolation: Interpolation = "bilinear",
    **options: Any,
) -> Classifier:
    """Return a trained classifier; all ranks have to call it.

    Args:
        subject: what is scored.
        cell: name of the classifier among those of the protocol.
        train: the training items; their embeddings are not read.
        recipe: how it is trained.
        kind: its class.
        interpolation: see `inputs`.
        options: further arguments of its class.

    Raises:
        ConfigError: the subject has no backbone that can be trained on.
    """
    network, train_it = trainable(subject)
    train = train.rows(train.position.argsort())  # whatever the order of the features
    data = inputs(network.data, train.position, recipe.batch_size, recipe.seed, interpolation)
    items: dict[Split, Features] = {"train": train, "test": subject.test.labelled()}
    if subject.val is not None and (subject.val.label >= 0).any():
        items["val"] = subject.val.labelled()
    made = kind(
        network.build(), data, items, subject.classes, recipe.of_batch(data.batch_size), **options
    )
    # What the result depends on, beside weights and data. The size of the batch is the one that was
    # asked for: with several ranks, a batch of all items can be smaller by a few.
    positions = [hashed(part.position) for part in items.values()]
    told = repr([recipe, kind.__name__, interpolation, options, positions])
    train_it(made, data, "-".join(filter(None, [subject.protocol, cell])), told)
    return made


def trainable(subject: Subject) -> tuple[Network, Fit]:
    """Return the backbone of a subject, and the function that trains a classifier on it.

    Raises:
        ConfigError: it has none.
    """
    if subject.network is None or subject.network.fit is None:
        raise ConfigError("this protocol trains on the backbone, and these features have none")
    return subject.network, subject.network.fit


def answers(fitted: Mapping[str, Classifier], headline: str) -> dict[str, Fitted | Labels]:
    """Return what classifiers predict after the last epoch, and after the best one on test.

    Args:
        fitted: trained classifiers by cell.
        headline: the cell that is reported without a name; if there are others, with its name, too.
    """
    found = {cell: _answer(classifier) for cell, classifier in fitted.items()}
    best = {cell: Labels(classifier.best.cpu()) for cell, classifier in fitted.items()}
    named = fitted if len(fitted) > 1 else ()
    return {
        "": found[headline],
        PUBLISHED: best[headline],
        **{cell: found[cell] for cell in named},
        **{f"{cell}_{PUBLISHED}": best[cell] for cell in named},
    }


def _answer(classifier: Classifier) -> Fitted:
    """Return the predictions of a trained classifier, and how it was trained."""
    train, test = classifier.items["train"], classifier.items["test"]
    said = {
        "items": len(train.label),
        "positions": hashed(train.position),
        "batch_size": classifier.recipe.batch_size,
        "rates": {"head": classifier.recipe.head_rate, "trunk": classifier.recipe.trunk_rate},
        "top1_by_epoch": [right / len(test.label) for right in classifier.right.tolist()],
    }
    if "val" not in classifier.items:
        return Fitted(classifier.labels("test"), None, None, said)
    held = classifier.items["val"].label
    return Fitted(classifier.labels("test"), classifier.labels("val"), held, said)
