"""What is evaluated: the backbone of a run, or any backbone without a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import yaml

from manyviews import build, checkpoints, runs
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.weights import load_trained
from manyviews.build import Data
from manyviews.checkpoints import Saved
from manyviews.datamodules.expected import of_data
from manyviews.datamodules.preprocessing import Preprocessing, from_dict
from manyviews.errors import ConfigError
from manyviews.runs import Run
from manyviews.runs.files import read_object
from manyviews.schema import Config
from manyviews.schema.keys import Node

PREPROCESSING = "preprocessing.json"  # in a run folder: what its backbone expects of clean inputs


@dataclass(frozen=True)
class Candidate:
    """A backbone that is evaluated, and its controls.

    Attributes:
        name: name of the run folder, or of the backbone.
        run: its run, None if there is none.
        config: config of the data, views, backbone and trainer to build.
        mark: what identifies its weights in report.json: `file`, `sha256`, `step`, `epoch`.
        identity: text that identifies its weights in the cache of features.
        backbone: builds it with its weights for these data, in evaluation mode.
        random: builds it with random weights.
        random_identity: text that identifies the random weights.
        expected: what it expects of clean inputs; None: the data as they are.
        start: builds it as its training began; None if that was with random weights.
        start_identity: text that identifies those weights.
        unfinished: how far the training of its run is, None if it is trained to its end.
        saved: the checkpoint of its run, None without a run.
    """

    name: str
    run: Run | None
    config: Config
    mark: dict[str, Any]
    identity: str
    backbone: Callable[[Data], Backbone]
    random: Callable[[Data], Backbone]
    random_identity: str
    expected: Preprocessing | None = None
    start: Callable[[Data], Backbone] | None = None
    start_identity: str = ""
    unfinished: str | None = None
    saved: Saved | None = None

    @property
    def is_random(self) -> bool:
        """True if the evaluated weights are themselves random."""
        return self.identity == self.random_identity


def of_run(run: Run, ckpt: str) -> Candidate:
    """Return the backbone of a run's checkpoint, with what it expects of its inputs.

    Args:
        run: a run with at least one checkpoint.
        ckpt: `last`, `best`, or the path of a checkpoint.

    Raises:
        ConfigError: there is no such checkpoint.
    """
    saved = checkpoints.load(run.checkpoints, ckpt)
    node, seed = run.config["backbone"], run.config["seed"]
    begins = build.begins_elsewhere(run.config)
    return Candidate(
        name=run.path.name,
        run=run,
        config=run.config,
        mark={
            "file": saved.path.name,
            "step": saved.step,
            "epoch": saved.epochs,
            "sha256": checkpoints.digest(saved.path),
        },
        identity=str(checkpoints.digest(saved.path)),
        backbone=lambda data: load_trained(build.backbone(run.config, data), saved),
        random=partial(build.backbone, run.config),
        random_identity=json.dumps([node, seed]),
        expected=expected_by(run),
        start=partial(build.start, run.config) if begins else None,
        start_identity=f"start {begins}",
        unfinished=None if run.trained else _unfinished(saved.epochs, run.config["epochs"]),
        saved=saved,
    )


def with_trainer(candidate: Candidate, trainer: Node | None) -> Candidate:
    """Return the candidate with another trainer for protocols that train; None keeps its own."""
    if trainer is None:
        return candidate
    return replace(candidate, config={**candidate.config, "trainer": trainer})


def _unfinished(done: int, epochs: int) -> str:
    return f"unfinished, {done} of {epochs} epochs"


def expected_by(run: Run) -> Preprocessing | None:
    """Return what a run's backbone expects; None if an earlier manyviews wrote the folder."""
    known = read_object(run.path / PREPROCESSING)
    try:
        return None if known is None else from_dict(known)
    except (TypeError, KeyError):  # it is damaged
        return None


def store_expected(run: Run, data: Data) -> Preprocessing:
    """Write what the backbone of a run expects into its folder: size and statistics of its data."""
    expected = of_data(data)
    runs.write_json(run.path / PREPROCESSING, expected.as_dict())
    return expected


def of_backbone(config: Config, name: str) -> Candidate:
    """Return a backbone without a run: with random weights, those of a file, or timm's own.

    Args:
        config: a checked config of `evaluate` with a backbone, data and views.
        name: the choice of the backbone, such as "timm/vit_small_patch16_224".

    Raises:
        ConfigError: the weights cannot be found.
    """
    node = config["backbone"]
    random_identity = json.dumps([_architecture(node), config["seed"]])
    file, mark = None, {"file": None, "sha256": None, "step": 0, "epoch": 0}
    identity = random_identity
    if node.get("weights"):
        found = checkpoints.find(node["weights"], "backbone.weights")
        file = checkpoints.checksum(found)
        mark |= {"file": found.name, "sha256": file}
        identity = file
    elif node.get("pretrained"):
        mark |= {"file": f"pretrained weights of {name}"}
        identity = json.dumps(["pretrained", _architecture(node)])
    return Candidate(
        name=name,
        run=None,
        config=config,
        mark=mark,
        identity=identity,
        backbone=lambda data: build.begun_backbone(config, data).eval(),
        random=partial(build.backbone, config),
        random_identity=random_identity,
        expected=_expected_by_library(str(node.get("name", name))),
    )


def _architecture(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in build.LEARNED}


def _expected_by_library(name: str) -> Preprocessing | None:
    """Return what timm says that a model of its own expects; None for any other backbone."""
    library, _, model = name.partition("/")
    if library != "timm":
        return None
    from manyviews.backbones import timm

    known = timm.data_config(model)
    return Preprocessing(
        size=tuple(known["input_size"][1:]),
        mean=tuple(known["mean"]),
        std=tuple(known["std"]),
        interpolation=known["interpolation"],
        crop=known["crop_pct"],
        mode=known["crop_mode"],
    )


def in_words(candidate: Candidate) -> str:
    """Return the backbone's config on one line, for the report."""
    node = {k: v for k, v in candidate.config["backbone"].items() if k != "_target_"}
    return yaml.safe_dump(node, default_flow_style=True, sort_keys=False, width=10**6).strip()[1:-1]


def check_kind(candidate: Candidate, name: str, views: Config) -> None:
    """Raise unless other data are of the kind that the backbone of a run reads.

    Args:
        candidate: the backbone.
        name: name of the data.
        views: views that were composed for the data.

    Raises:
        ConfigError: names both kinds.
    """
    own, other = (
        "series" if ".series." in str(node["_target_"]) else "images"
        for node in (candidate.config["views"], views)
    )
    if own != other:
        raise ConfigError(
            f"{candidate.name} reads {own}, data={name} has {other}; choose data of its kind"
        )
