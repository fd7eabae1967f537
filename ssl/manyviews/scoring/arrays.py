"""What lies beside a report: pictures and spectra, the panels of the method, the predictions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from manyviews import build
from manyviews.build import Data
from manyviews.checkpoints import Saved
from manyviews.evaluation import gallery, similarity_maps
from manyviews.evaluation.features import DAMAGED, Features
from manyviews.evaluation.measures import spectrum
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.suite import MARGIN
from manyviews.evaluation.words import detailed
from manyviews.method import Examples, Method
from manyviews.panels import Panel
from manyviews.runs import Run
from manyviews.schema import locate


def pictures(
    data: Data,
    subjects: Mapping[str, Subject],
    predicted: Mapping[str, np.ndarray],
    *,
    views: bool,
) -> dict[str, np.ndarray]:
    """Return the arrays of gallery.npz that every evaluation has.

    Args:
        data: the data.
        subjects: the features.
        predicted: the arrays of predictions.npz.
        views: True to show the views that training sees, too.
    """
    splits, trained = data.splits, subjects["trained"]
    shown = gallery.views_of(data, gallery.some(data), epoch=0) if views else {}
    of_train, of_test = (partial(data.originals, rows) for rows in (splits.train, splits.test))
    near = gallery.neighbours(trained.train, trained.test, of_train, of_test)
    hard: Mapping[str, np.ndarray] = {}
    if (protocol := detailed(protocols_of(predicted))) and f"{protocol}/{MARGIN}" in predicted:
        guess, margin = (predicted[f"{protocol}/{name}"] for name in ("top1", MARGIN))
        hard = gallery.hardest(trained.test.labelled(), guess, margin, of_test)
    places = gallery.embedding_map(trained.test, of_test)
    at = (torch.from_numpy(near[key]) for key in ("query_position", "neighbour_position"))
    maps = similarity_maps.of_neighbours(trained.network, *at)
    spectra = {
        f"eigenvalues_{who}": spectrum.eigenvalues(subjects[who].test.embedding).numpy()
        for who in ("trained", "random")
        if who in subjects
    }
    return {**shown, **near, **maps, **hard, **places, **spectra}


def protocols_of(predicted: Mapping[str, np.ndarray]) -> list[str]:
    """Return the protocols whose predicted classes are among the arrays of predictions.npz."""
    return [name.rpartition("/")[0] for name in predicted if name.endswith("/top1")]


def of_method(run: Run, data: Data, saved: Saved, train: Features) -> list[Panel]:
    """Return what the run's method itself shows in the report."""
    if locate(run.config["method"]["_target_"], "method").panels is Method.panels:
        return []
    method = build.method(run.config, data)
    method.load_state_dict(saved.content["state_dict"])
    count = max(int(data.label.max()) + 1, 0)
    own = run.config["data"].get("labels") is None  # classes that a file gives have no names
    names = data.splits.classes[:count] if own else range(count)
    examples = Examples(
        batch=data.batch(gallery.some(data), epoch=0),
        embedding=train.embedding,
        label=train.label,
        class_names=tuple(map(str, names)),
        pictures=lambda rows: data.originals(data.splits.train, train.position[rows]),
        drawn=data.pictures,
        items=f"{data.item}s",
    )
    return method.eval().panels(examples)


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays under another name and rename the file, so that it is never half there."""
    beside = path.with_suffix(".tmp.npz")
    np.savez_compressed(beside, **arrays)
    beside.replace(path)


def save_predictions(
    path: Path, predictions: Mapping[str, np.ndarray], test: Features, kept: set[str]
) -> None:
    """Write predictions.npz: what each protocol predicted for each labelled test item.

    Its arrays are `position`, `label` and `group` of the items, and one per protocol and measure.

    Args:
        path: the file; predictions that it holds already stay.
        predictions: new predictions, see `suite.Scored`.
        test: features of the test items.
        kept: protocols whose earlier predictions are still valid.
    """
    known = test.labelled()
    before = load_predictions(path)
    items = {"position": known.position.numpy(), "label": known.label.numpy()}
    if known.group is not None:
        items["group"] = known.group.numpy()
    if not np.array_equal(before.get("position", ()), items["position"]):
        before = {}
    old = {name: a for name, a in before.items() if name.partition("/")[0] in kept}
    # Protocols without labels have a value for every item; they are not compared item by item.
    count = len(known.label)
    new = {name: a for name, a in predictions.items() if len(a) == count}
    save(path, {**items, **old, **new})


def load_predictions(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of predictions.npz, none if it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except DAMAGED:
        return {}
