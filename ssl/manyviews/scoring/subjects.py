"""Features of the evaluated backbone and of its controls, from the cache where they are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from manyviews.build import Data
from manyviews.datamodules.module import Split
from manyviews.datamodules.named_splits import named_splits
from manyviews.errors import ConfigError
from manyviews.evaluation.features import Features, cached, extract
from manyviews.evaluation.subject import Subject
from manyviews.evaluation.words import TRAINED
from manyviews.scoring.candidate import Candidate

Build = Callable[[], nn.Module]


def subjects(candidate: Candidate, data: Data, folder: Path) -> dict[str, Subject]:
    """Return the features of the evaluated backbone, as "trained", and of its controls by name.

    The controls are: the same backbone with random weights; if its training began with weights from
    elsewhere also those, as "start"; and the features that the data offer themselves.

    Args:
        candidate: the backbone.
        data: the data, as the backbone reads them.
        folder: folder of the cached features.
    """
    known = _data_identity(data)

    def embedded(name: str, backbone: Build, identity: str) -> Subject:
        key = hashlib.sha256((identity + known).encode()).hexdigest()[:12]

        def of(split: Split) -> Features:
            path = folder / f"{name}-{split}-{key}.npz"
            rows = data.probed(split)
            return cached(path, lambda: extract(backbone(), data.clean(split, rows)), rows)

        return _subject(data, of)

    found = {
        TRAINED: embedded(TRAINED, _once(candidate.backbone, data), candidate.identity),
    }
    if not candidate.is_random:
        random = _once(candidate.random, data)
        found["random"] = embedded("random", random, candidate.random_identity)
    if candidate.start is not None:
        try:
            start = _once(candidate.start, data)
            found["start"] = embedded("start", start, candidate.start_identity)
        except ConfigError as error:  # its file may be gone by now
            print(f"note: the control 'start' is left out: {error}")
    for name, control in data.controls().items():
        found[name] = _subject(data, lambda split, of=control: _control(data, split, of))
    return found


def _data_identity(data: Data) -> str:
    """Return a text that identifies the inputs of a backbone."""
    known = json.dumps(data.splits.fingerprint(), sort_keys=True)
    expected = data.preprocessing
    return known if expected is None else known + json.dumps(expected.as_dict(), sort_keys=True)


def _once(build: Callable[[Data], nn.Module], data: Data) -> Build:
    """Return a function that builds a backbone when it is first needed, on the device to use."""

    @cache
    def built() -> nn.Module:
        return build(data).to("cuda" if torch.cuda.is_available() else "cpu")

    return built


def _subject(data: Data, of: Callable[[Split], Features]) -> Subject:
    def grouped(split: Split) -> Features:
        features, groups = of(split), data.groups(split)
        return features if groups is None else features._replace(group=groups[0][features.position])

    val = grouped("val") if "val" in named_splits(data.splits) else None
    return Subject(grouped("train"), grouped("test"), len(data.splits.classes), val)


def _control(data: Data, split: Split, of: Callable[[Split], Tensor]) -> Features:
    """Return the features of a control for the rows that the evaluation reads."""
    rows = data.probed(split)
    return Features(of(split), getattr(data.splits, split).label[rows], rows)
