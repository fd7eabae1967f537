"""Features of the evaluated backbone and of its controls, from the cache where they are known."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from manyviews import distributed
from manyviews.backbones.backbone import Backbone
from manyviews.build import Data
from manyviews.datamodules.module import Split
from manyviews.datamodules.named_splits import named_splits
from manyviews.errors import ConfigError, NotFinite
from manyviews.evaluation.features import Features, cached, extract, extract_on_ranks, read, save
from manyviews.evaluation.fresh_views import fresh_views, shows_one_sample
from manyviews.evaluation.subject import FreshViews, Network, Subject
from manyviews.evaluation.words import TRAINED
from manyviews.schema import Config
from manyviews.schema.keys import Node
from manyviews.scoring.candidate import Candidate
from manyviews.scoring.fits import fitter

ROOM = 4  # times the size of the embeddings, for what protocols compute from them


def subjects(
    candidate: Candidate, data: Data, fingerprint: Mapping[str, Any], folder: Path, report: Path
) -> dict[str, Subject]:
    """Return the features of the evaluated backbone, as "trained", and of its controls by name.

    The controls are: the same backbone with random weights; if its training began with weights from
    elsewhere also those, as "start"; and the features that the data offer themselves.

    Args:
        candidate: the backbone.
        data: the data, as the backbone reads them.
        fingerprint: what identifies the data.
        folder: folder of the cached features.
        report: folder of the report, in which protocols train.
    """
    found = {}
    for one in _backbones(candidate, data, fingerprint):
        network = _network(one, data, report, candidate.config["trainer"])
        try:
            found[one.name] = _embedded(one, data, folder, candidate.config["views"], network)
        except ConfigError as error:
            if one.name != "start":
                raise
            print(f"note: the control 'start' is left out: {error}")  # its file may be gone by now
    for name, control in data.controls().items():
        found[name] = _subject(data, lambda split, of=control: _control(data, split, of))
    return found


def fill_cache(
    candidate: Candidate, data: Data, fingerprint: Mapping[str, Any], folder: Path
) -> None:
    """Extract the features that `subjects` will read; all ranks share the work and must call it.

    Features that are not finite are not kept: `subjects` meets them again and says so.

    Args:
        candidate: see `subjects`.
        data: see `subjects`.
        fingerprint: see `subjects`.
        folder: see `subjects`.
    """
    for one in _backbones(candidate, data, fingerprint):
        for split in named_splits(data.splits):
            path, rows = one.file(folder, split), data.probed(split)
            group = _groups(data, split, rows)
            is_known = distributed.rank() == 0 and read(path, rows, group) is not None
            if distributed.from_rank_0(is_known):
                continue
            with suppress(NotFinite, ConfigError):
                features = extract_on_ranks(one.built(data), data, split, rows)
                if features is not None:
                    save(path, features)


def without_embeddings(
    candidate: Candidate, data: Data, fingerprint: Mapping[str, Any], report: Path
) -> Iterator[Subject]:
    """Yield the subjects that have a backbone, for protocols that train on it.

    Their features have labels and positions, but embeddings of no dimension.

    Args:
        candidate: see `subjects`.
        data: see `subjects`.
        fingerprint: see `subjects`.
        report: see `subjects`.
    """

    def rows(split: Split) -> Features:
        rows = data.probed(split)
        return Features(torch.empty(len(rows), 0), data.rows_of(split).label[rows], rows)

    for one in _backbones(candidate, data, fingerprint):
        network = _network(one, data, report, candidate.config["trainer"])
        yield _subject(data, rows)._replace(network=network)


def on_device(found: dict[str, Subject]) -> dict[str, Subject]:
    """Return the subjects with their embeddings where features are extracted, if there is room.

    Protocols run where the embeddings are. They hold standardised or sorted copies of them, so the
    room that is needed is several times that of the embeddings. Without it they stay on the CPU.
    """
    device = extraction_device()
    parts = [f for s in found.values() for f in (s.train, s.test, s.val) if f is not None]
    needed = ROOM * sum(f.embedding.nbytes for f in parts)
    if device == "cpu" or needed > torch.cuda.mem_get_info()[0]:
        return found
    return {who: subject.to(device) for who, subject in found.items()}


class _CachedBackbone(NamedTuple):
    """A backbone whose features are cached.

    Attributes:
        name: name of the subject.
        build: builds it for the data.
        key: hash of its weights and its inputs.
    """

    name: str
    build: Callable[[Data], Backbone]
    key: str

    def file(self, folder: Path, split: Split) -> Path:
        """Return the file of its features of a split."""
        return folder / f"{self.name}-{split}-{self.key}.npz"

    def built(self, data: Data) -> Backbone:
        """Return it on the device on which features are extracted."""
        return self.build(data).to(extraction_device())


def _backbones(
    candidate: Candidate, data: Data, fingerprint: Mapping[str, Any]
) -> list[_CachedBackbone]:
    """Return the evaluated backbone and the controls that are backbones."""
    known = _inputs_identity(data, fingerprint)

    def one(name: str, build: Callable[[Data], Backbone], identity: str) -> _CachedBackbone:
        key = hashlib.sha256((identity + known).encode()).hexdigest()[:12]
        return _CachedBackbone(name, cache(build), key)

    found = [one(TRAINED, candidate.backbone, candidate.identity)]
    if not candidate.is_random:
        found.append(one("random", candidate.random, candidate.random_identity))
    if candidate.start is not None:
        found.append(one("start", candidate.start, candidate.start_identity))
    return found


def _network(one: _CachedBackbone, data: Data, report: Path, trainer: Node) -> Network:
    """Return a backbone that can be run again and trained on."""
    fit = fitter(report, one.name, one.key, trainer, extraction_device())
    return Network(lambda: copy.deepcopy(one.built(data)).eval(), data, fit)


def _embedded(
    one: _CachedBackbone, data: Data, folder: Path, views_config: Config, network: Network
) -> Subject:
    """Return the features of a backbone, from the cache where they are known."""

    def of(split: Split) -> Features:
        rows = data.probed(split)
        group = _groups(data, split, rows)
        path = one.file(folder, split)
        return cached(path, lambda: extract(one.built(data), data.clean(split, rows)), rows, group)

    views = _fresh_views(one, data, folder, views_config)
    return _subject(data, of)._replace(fresh_views=views, network=network)


def extraction_device() -> str:
    """Return the device on which features are extracted."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _fresh_views(
    one: _CachedBackbone, data: Data, folder: Path, views_config: Config
) -> FreshViews | None:
    """Return the function that embeds fresh views, which keeps what it made in the cache."""
    if not shows_one_sample(data):
        return None
    # What determines the views, beside the data: their declaration and the seed of the draws.
    declared = json.dumps([views_config, data.seed], sort_keys=True)
    drawn = hashlib.sha256(declared.encode()).hexdigest()[:8]

    def features(position: Int64[Tensor, " n"], views: int) -> Float32[Tensor, "n q D"]:
        """Return the features of `views` random views of the training rows at these positions."""
        path = folder / f"{one.name}-views{views}-{one.key}-{drawn}.npz"
        rows = position.repeat_interleave(views)

        def compute() -> Features:
            """Embed the views; the views of a sample are neighbours."""
            made = fresh_views(one.built(data), data)(position, views).flatten(0, 1)
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
        file_names=None if files is None else [path.as_posix() for path in files],
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
