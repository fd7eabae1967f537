"""From a checked config to objects; the only place that calls `instantiate`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pytorch_lightning.loggers import Logger

from manyviews.backbones import Backbone
from manyviews.backbones.registry import check_sizes
from manyviews.config import KEPT, Config, locate
from manyviews.datamodules.images import ImageData, ImageSplits
from manyviews.datamodules.labels import classes_of
from manyviews.datamodules.views import Views
from manyviews.errors import ConfigError
from manyviews.evaluation.suite import Protocol
from manyviews.method import Method


def data(config: Config) -> ImageData:
    """The data set and its views, not yet any batch."""
    node = {key: value for key, value in config["data"].items() if key not in KEPT["data"]}
    splits: ImageSplits = _make(node)
    views: Views = _make(config["views"])
    file = config["data"].get("labels")
    return ImageData(
        splits,
        views,
        batch_size=config["batch_size"],
        seed=config["seed"],
        pieces=config["trainer"]["accumulate_grad_batches"],
        label=None if file is None else classes_of(file, len(splits.train.label)),
    )


LEARNED = ("weights", "pretrained")  # keys of a backbone that bring weights from elsewhere


def backbone(config: Config, module: ImageData) -> Backbone:
    """The backbone of this seed with random weights: what evaluations compare with.

    Raises:
        ConfigError: it cannot take the size of a view or of the images.
    """
    node = {k: v for k, v in config["backbone"].items() if k not in LEARNED}
    return _backbone({**config, "backbone": node}, module)


def _backbone(config: Config, module: ImageData) -> Backbone:
    sizes = [*module.views.sizes(*module.splits.size), module.splits.size]
    torch.manual_seed(config["seed"])
    built = _make(
        config["backbone"], in_channels=module.splits.channels, image_size=max(map(max, sizes))
    )
    check_sizes(built, sizes)
    return built


def method(config: Config, module: ImageData) -> Method:
    """The method around its backbone, with its weights if it has some, and what trains it.

    Raises:
        ConfigError: the method reads another number of views, the backbone's weights do not fit, or
            the optimizer refuses its numbers.
    """
    trunk, optimizer = _backbone(config, module), _make(config["optimizer"])
    made: Method = _make(
        config["method"],
        backbone=trunk,
        optimizer=optimizer,
        schedule=_make(config["schedule"]),
        regularizers=nodes(config["regularizers"]),
        **_asked_for(config, module),
    )
    made.check_views(len([*module.views]))
    try:
        optimizer(made.parameter_groups())  # Lightning would try it after the run folder is made
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {error}") from error
    return made


def _asked_for(config: Config, module: ImageData) -> dict[str, int]:
    """The seed and the number of classes, for methods whose constructor takes them."""
    target = locate(config["method"]["_target_"], "method")
    parameters = inspect.signature(target).parameters
    known = {"seed": lambda: config["seed"], "classes": lambda: _classes(target.__name__, module)}
    return {name: value() for name, value in known.items() if name in parameters}


def _classes(method: str, module: ImageData) -> int:
    label = module.label
    if unknown := int((label < 0).sum()):
        raise ConfigError(
            f"{method} needs a class for every image, but {unknown} of {len(label)} have none; "
            "choose labelled data, or method=barlow_twins"
        )
    if len(label.unique()) < 2:
        raise ConfigError(
            f"{method} contrasts classes, and all {len(label)} images have the same; "
            "choose other data, or method=barlow_twins"
        )
    return int(label.max()) + 1


def protocols(config: Config) -> dict[str, Protocol]:
    """The evaluation protocols by name.

    Raises:
        ConfigError: none is left.
    """
    made = nodes(config["evaluation"])
    if not made:
        raise ConfigError("evaluation is empty; type evaluation=[knn,linear_lbfgs]")
    return made


def callbacks(config: Config) -> list[pl.Callback]:
    """The callbacks that are not null, in the order of the config."""
    return list(nodes(config["callbacks"]).values())


def trainer(config: Config, watching: list[pl.Callback], loggers: list[Logger]) -> pl.Trainer:
    """The Lightning trainer for this machine."""
    return _make(config["trainer"], epochs=config["epochs"], callbacks=watching, logger=loggers)


def nodes(named: Mapping[str, Any], **handed: Any) -> dict[str, Any]:
    """Named nodes as objects; null ones are left out."""
    return {name: _make(node, **handed) for name, node in named.items() if node is not None}


def _make(node: Mapping[str, Any], **handed: Any) -> Any:
    """The object that a node describes, with objects of ours as further arguments.

    They are given to the constructor and not to `instantiate`, which would take them apart.
    """
    try:
        if "_partial_" in node:
            return instantiate(node, _convert_="all")
        return instantiate({**node, "_partial_": True}, _convert_="all")(**handed)
    except InstantiationException as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from error
        raise
