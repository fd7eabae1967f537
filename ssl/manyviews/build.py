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

from manyviews import checkpoints, runs
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.registry import check_sizes, load_and_freeze
from manyviews.datamodules.images.datamodule import ImageData, ImageSplits
from manyviews.datamodules.labels import classes_of
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.datamodules.series.splits import SeriesSplits
from manyviews.datamodules.views.images.pipeline import Views
from manyviews.datamodules.views.series.pipeline import SeriesViews
from manyviews.errors import ConfigError
from manyviews.evaluation.suite import Protocol
from manyviews.method import Method
from manyviews.runs import Run
from manyviews.schema import Config, locate, seen_to

Data = ImageData | SeriesData


def data(config: Config) -> Data:
    """The data set and its views, not yet any batch.

    Raises:
        ConfigError: a mistake in the data or their views, or views of the other kind of data.
    """
    splits: ImageSplits | SeriesSplits = _make(_without_kept(config, "data"))
    views: Views | SeriesViews = _make(config["views"])
    kind = SeriesData if isinstance(splits, SeriesSplits) else ImageData
    if isinstance(views, SeriesViews) != (kind is SeriesData):
        instead = "series" if kind is SeriesData else "two_crops"
        raise ConfigError(
            f"data={splits.name} has {kind.reads}, these views are not for them; "
            f"type views={instead}"
        )
    file = config["data"].get("labels")
    return kind(
        splits,  # pyright: ignore[reportArgumentType]
        views,  # pyright: ignore[reportArgumentType]
        batch_size=config["batch_size"],
        seed=config["seed"],
        pieces=config["trainer"]["accumulate_grad_batches"],
        label=None if file is None else classes_of(file, len(splits.train.label)),
    )


def _without_kept(config: Config, group: str) -> dict[str, Any]:
    kept = seen_to(config[group], group)
    return {key: value for key, value in config[group].items() if key not in kept}


LEARNED = ("weights", "pretrained")  # keys of a backbone that bring weights from elsewhere


def backbone(config: Config, module: Data) -> Backbone:
    """The backbone of this seed with random weights: what evaluations compare with.

    Raises:
        ConfigError: it cannot take the size of a view or of the images.
    """
    node = {k: v for k, v in config["backbone"].items() if k not in LEARNED}
    return _backbone({**config, "backbone": node}, module)


def _backbone(config: Config, module: Data) -> Backbone:
    sizes: list[Any] = [*module.views.sizes(*module.splits.size), module.splits.size]
    torch.manual_seed(config["seed"])
    handed = {"in_channels": module.splits.channels, "image_size": max(map(max, sizes))}
    built: Backbone = _make(
        _without_kept(config, "backbone"), **_taken(config["backbone"]["_target_"], handed)
    )
    check_sizes(built, sizes)
    node = config["backbone"]
    return load_and_freeze(built, **{key: node.get(key) for key in seen_to(node, "backbone")})


def _taken(target: str, handed: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the target takes."""
    parameters = inspect.signature(locate(target, "backbone")).parameters
    return {name: value for name, value in handed.items() if name in parameters}


def method(config: Config, module: Data) -> Method:
    """The method around its backbone, with its weights if it has some, and what trains it.

    Raises:
        ConfigError: the method reads another number of views, the backbone's weights do not fit, or
            the optimizer refuses its numbers.
    """
    _check_kind(config, module)
    trunk, optimizer = _backbone(config, module), _make(config["optimizer"])
    made: Method = _make(
        _without_kept(config, "method"),
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


def pretrained(run: Run, module: Data, ckpt: str = "last") -> Backbone:
    """The pretrained backbone of a run, in evaluation mode; every weight must match.

    Raises:
        ConfigError: there is no checkpoint yet, or it does not fit the config.
    """
    path = checkpoints.resolve(run.checkpoints, ckpt)
    made = backbone(run.config, module)
    try:
        made.load_state_dict(checkpoints.backbone(checkpoints.read(path)))
    except RuntimeError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    return made.eval()


def _check_kind(config: Config, module: Data) -> None:
    target = locate(config["method"]["_target_"], "method")
    if target.reads not in ("any", module.reads):
        instead = "watch" if target.reads == "series" else "fashion_mnist_mini"
        raise ConfigError(
            f"{target.__name__} reads {target.reads}, data={module.splits.name} has "
            f"{module.reads}; type data={instead}"
        )


def _asked_for(config: Config, module: Data) -> dict[str, Any]:
    """Seed, number of classes and trained retriever, for methods whose constructor takes them."""
    target = locate(config["method"]["_target_"], "method")
    parameters = inspect.signature(target).parameters
    known = {
        "seed": lambda: config["seed"],
        "classes": lambda: _classes(target.__name__, module),
        "retriever": lambda: _retriever(config, module),
    }
    return {name: value() for name, value in known.items() if name in parameters}


def _retriever(config: Config, module: Data) -> Backbone | None:
    """The measure that a finished run of rebar_retriever learned."""
    folder = config["method"]["retriever"]
    if folder is None:
        return None
    run = runs.load(folder)
    if not run.trained or not run.config["method"]["_target_"].endswith(".RebarRetriever"):
        raise ConfigError(
            f"method.retriever={folder} is no finished run of method=rebar_retriever; "
            "type method.retriever=auto"
        )
    return pretrained(run, module)


def _classes(method: str, module: Data) -> int:
    label = module.label
    if unknown := int((label < 0).sum()):
        raise ConfigError(
            f"{method} needs a class for every {module.item}, but {unknown} of {len(label)} have "
            "none; choose labelled data, or method=barlow_twins"
        )
    if len(label.unique()) < 2:
        raise ConfigError(
            f"{method} contrasts classes, and all {len(label)} {module.item}s have the same; "
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
