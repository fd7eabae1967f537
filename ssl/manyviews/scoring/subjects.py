"""Features of the evaluated backbone and of its controls, from the cache where they are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from manyviews.backbones.backbone import Backbone
from manyviews.build import Data
from manyviews.datamodules.module import Split
from manyviews.datamodules.named_splits import named_splits
from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features, cached, extract
from manyviews.evaluation.fresh_views import fresh_views, shows_one_sample
from manyviews.evaluation.subject import FreshViews, Subject
from manyviews.evaluation.words import TRAINED
from manyviews.schema import Config
from manyviews.scoring.candidate import Candidate


def subjects(
    candidate: Candidate, data: Data, fingerprint: Mapping[str, Any], folder: Path
) -> dict[str, Subject]:
    """Return the features of the evaluated backbone, as "trained", and of its controls by name.

    The controls are: the same backbone with random weights; if its training began with weights from
    elsewhere also those, as "start"; and the features that the data offer themselves.

    Args:
        candidate: the backbone.
        data: the data, as the backbone reads them.
        fingerprint: what identifies the data.
        folder: folder of the cached features.
    """
    known, views = _inputs_identity(data, fingerprint), candidate.config["views"]

    def embedded(name: str, build: Callable[[Data], Backbone], identity: str) -> Subject:
        key = hashlib.sha256((identity + known).encode()).hexdigest()[:12]
        built = cache(lambda: build(data).to(_device()))  # only if something is not cached

        def of(split: Split) -> Features:
            path = folder / f"{name}-{split}-{key}.npz"
            rows = data.probed(split)
            group = _groups(data, split, rows)
            return cached(path, lambda: extract(built(), data.clean(split, rows)), rows, group)

        return _subject(data, of)._replace(
            fresh_views=_fresh_views(built, data, folder, name, key, views)
        )

    found = {TRAINED: embedded(TRAINED, candidate.backbone, candidate.identity)}
    if not candidate.is_random:
        found["random"] = embedded("random", candidate.random, candidate.random_identity)
    if candidate.start is not None:
        try:
            found["start"] = embedded("start", candidate.start, candidate.start_identity)
        except ConfigError as error:  # its file may be gone by now
            print(f"note: the control 'start' is left out: {error}")
    for name, control in data.controls().items():
        found[name] = _subject(data, lambda split, of=control: _control(data, split, of))
    return found


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _fresh_views(
    built: Callable[[], Backbone],
    data: Data,
    folder: Path,
    name: str,
    key: str,
    views_config: Config,
) -> FreshViews | None:
    """Return the function that embeds fresh views, which keeps what it made in the cache."""
    if not shows_one_sample(data):
        return None
    # What determines the views, beside the data: their declaration and the seed of the draws.
    declared = json.dumps([views_config, data.seed], sort_keys=True)
    drawn = hashlib.sha256(declared.encode()).hexdigest()[:8]

    def features(position: Int64[Tensor, " n"], views: int) -> Float32[Tensor, "n q D"]:
        """Return the features of `views` random views of the training rows at these positions."""
        path = folder / f"{name}-views{views}-{key}-{drawn}.npz"
        rows = position.repeat_interleave(views)

        def compute() -> Features:
            """Embed the views; the views of a sample are neighbours."""
            made = fresh_views(built(), data)(position, views).flatten(0, 1)
            return Features(made, torch.full_like(rows, -1), rows)

        return cached(path, compute, rows).embedding.unflatten(0, (len(position), views))

    return features


def _inputs_identity(data: Data, fingerprint: Mapping[str, Any]) -> str:
    """Return a text that identifies the inputs of a backbone."""
    known = json.dumps(fingerprint, sort_keys=True)
    expected = data.preprocessing
    return known if expected is None else known + json.dumps(expected.as_dict(), sort_keys=True)


def _subject(data: Data, of: Callable[[Split], Features]) -> Subject:
    val = of("val") if "val" in named_splits(data.splits) else None
    classes, files = data.splits.classes, getattr(data.splits.train, "paths", None)
    return Subject(
        of("train"),
        of("test"),
        len(classes),
        val,
        class_names=tuple(map(str, classes)),
        file_names=None if files is None else [path.name for path in files],
    )


def _control(data: Data, split: Split, of: Callable[[Split], Tensor]) -> Features:
    """Return the features of a control for the rows that the evaluation reads."""
    rows = data.probed(split)
    label = data.rows_of(split).label[rows]
    return Features(of(split), label, rows, _groups(data, split, rows))


def _groups(data: Data, split: Split, rows: Int64[Tensor, " N"]) -> Int64[Tensor, " N"] | None:
    """Return the group of each of these rows, None if the data have no groups."""
    groups = data.groups(split)
    return None if groups is None else groups[0][rows]
