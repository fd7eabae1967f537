"""The parts of a run from its checked config: data, backbone, method, callbacks, trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from manyviews import checkpoints, hardware, runs
from manyviews.backbones import weights
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.registry import check_sizes, load_and_freeze
from manyviews.callbacks.checkpoint import Checkpoint
from manyviews.callbacks.metrics import Metrics
from manyviews.callbacks.noise import Noise
from manyviews.callbacks.online_knn import ONLINE
from manyviews.callbacks.stop import Stop
from manyviews.construct import construct, make, nodes
from manyviews.datamodules.images.datamodule import ImageData
from manyviews.datamodules.images.splits import ImageSplits
from manyviews.datamodules.labels import classes_of
from manyviews.datamodules.series.datamodule import SeriesData
from manyviews.datamodules.series.splits import SeriesSplits
from manyviews.datamodules.views.images.pipeline import Views
from manyviews.datamodules.views.series.pipeline import SeriesViews
from manyviews.errors import ConfigError
from manyviews.evaluation.suite import Protocol
from manyviews.method import Method
from manyviews.runs import Run
from manyviews.schema import Config, arguments, locate
from manyviews.schema.keys import Node

Data = ImageData | SeriesData
LEARNED = ("weights", "pretrained")  # keys of a backbone that load weights from elsewhere


def data(config: Config) -> Data:
    """Return the data module: the data set, read and split, and the declaration of its views.

    Raises:
        ConfigError: a mistake in the data or their views, or views of the other kind of data.
    """
    splits: ImageSplits | SeriesSplits = construct(config, "data")
    views: Views | SeriesViews = make(config["views"], "views")
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


def backbone(config: Config, module: Data) -> Backbone:
    """Return the backbone with the random weights of the run's seed, a control of evaluations.

    Raises:
        ConfigError: it cannot take the size of a view or of the images.
    """
    node = {k: v for k, v in config["backbone"].items() if k not in LEARNED}
    return begun_backbone({**config, "backbone": node}, module)


def begun_backbone(config: Config, module: Data) -> Backbone:
    """Return the backbone with the weights that its own config asks for.

    Raises:
        ConfigError: it cannot take the size of a view or of the images, or the weights do not fit.
    """
    sizes: list[Any] = [*module.views.sizes(*module.size), module.size]
    torch.manual_seed(config["seed"])
    built: Backbone = construct(
        config,
        "backbone",
        in_channels=lambda: module.channels,
        image_size=lambda: max(map(max, sizes)),
    )
    check_sizes(built, sizes)
    node = config["backbone"]
    used = arguments(node, "backbone").used_by_build
    return load_and_freeze(built, **{key: node.get(key) for key in used})


def begins_elsewhere(config: Config) -> str:
    """Return a text that identifies the first weights of a run, "" if they were random.

    It is the checksum of their file, or what the config says if that names no file (any more).
    """
    node = config["backbone"]
    file = config.get("init") or node.get("weights")
    if not file:
        return str(node.get("pretrained") or "")
    try:
        found = checkpoints.find(file)
    except ConfigError:
        return file
    return checkpoints.digest(found) or checkpoints.checksum(found)


def start(config: Config, module: Data) -> Backbone:
    """Return the backbone as the training of a run began, in evaluation mode.

    Raises:
        ConfigError: the weights that it began with are no longer there, or do not fit.
    """
    built = begun_backbone(config, module)
    if config["init"] is not None:
        found = checkpoints.read(checkpoints.find(config["init"]))
        weights.load(built, checkpoints.backbone(found), f"init={config['init']}")
    return built.eval()


def method(
    config: Config, module: Data, trained_first: Mapping[str, Backbone] | None = None
) -> Method:
    """Return the method around its backbone, with the optimizer and schedule that train it.

    Args:
        config: the checked config.
        module: its data.
        trained_first: backbones by the name of the argument, instead of those of the runs that the
            config names.

    Raises:
        ConfigError: the method reads another number of views, the backbone's weights do not fit, or
            the optimizer refuses its numbers.
    """
    kind = locate(config["method"]["_target_"], "method")
    _check_kind(kind, config, module)
    trunk, optimizer = begun_backbone(config, module), make(config["optimizer"], "optimizer")
    first = {
        argument: lambda a=argument: _trained_backbone(config, module, a, kind.trained_first[a])
        for argument in kind.trained_first
    }
    first |= {a: lambda given=given: given for a, given in (trained_first or {}).items()}
    made: Method = construct(
        config,
        "method",
        backbone=lambda: trunk,
        seed=lambda: config["seed"],
        classes=lambda: _classes(kind.__name__, module),
        **first,
    )
    made.train_with(
        optimizer=optimizer,
        schedule=make(config["schedule"], "schedule"),
        regularizers=nodes(config["regularizers"], "regularizers"),
    )
    made.check_views(len([*module.views]))
    try:
        optimizer(made.parameter_groups())  # Lightning would try it after the run folder is made
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {error}") from error
    return made


def _check_kind(kind: type[Method], config: Config, module: Data) -> None:
    """Raise unless the method understands this kind of data."""
    if kind.reads not in ("any", module.reads):
        instead = "watch" if kind.reads == "series" else "fashion_mnist_mini"
        raise ConfigError(
            f"{kind.__name__} reads {kind.reads}, data={module.splits.name} has "
            f"{module.reads}; type data={instead}"
        )


def _trained_backbone(
    config: Config, module: Data, argument: str, method_name: str
) -> Backbone | None:
    """Return the backbone of the finished run in the folder `method.<argument>`, if there is one.

    Raises:
        ConfigError: the folder holds no finished run of that method.
    """
    folder = config["method"][argument]
    if folder is None:
        return None
    run = runs.load(folder)
    if not run.trained or run.choices["method"] != method_name:
        raise ConfigError(
            f"method.{argument}={folder} is no finished run of method={method_name}; "
            f"type method.{argument}=auto"
        )
    return pretrained(run, module)


def _classes(method_name: str, module: Data) -> int:
    """Return the number of classes in the training data, for a method that contrasts them."""
    label = module.label
    if unknown := int((label < 0).sum()):
        raise ConfigError(
            f"{method_name} needs a class for every {module.item}, but {unknown} of {len(label)} "
            "have none; choose labelled data, or a method without labels"
        )
    if len(label.unique()) < 2:
        raise ConfigError(
            f"{method_name} contrasts classes, and all {len(label)} {module.item}s have the same; "
            "choose other data, or a method without labels"
        )
    return int(label.max()) + 1


def pretrained(run: Run, module: Data, ckpt: str = "last") -> Backbone:
    """Return the pretrained backbone of a run, in evaluation mode; every weight must match.

    Raises:
        ConfigError: there is no checkpoint yet, or it does not fit the config.
    """
    saved = checkpoints.load(run.checkpoints, ckpt)
    return weights.load_trained(backbone(run.config, module), saved)


def protocols(config: Config) -> dict[str, Protocol]:
    """Return the evaluation protocols by name.

    Raises:
        ConfigError: no protocol is left.
    """
    made = nodes(config["evaluation"], "evaluation")
    if not made:
        raise ConfigError("evaluation is empty; type evaluation=[knn,linear_lbfgs]")
    return made


def callbacks(config: Config, path: Path, module: Data) -> list[pl.Callback]:
    """Return all callbacks of a run in the order in which they are called.

    Args:
        config: the checked config.
        path: the run folder, which need not exist yet.
        module: the data that the run trains on.
    """
    chosen = {name: node for name, node in config["callbacks"].items() if node is not None}
    return [
        Metrics(path / "metrics.jsonl", config["trainer"]["log_every_n_steps"]),
        Noise(config["seed"]),
        *(_callback(node, f"callbacks.{name}", module) for name, node in chosen.items()),
        (stop := Stop()),
        Checkpoint(path, config["save_every_n_steps"], stop, config.get("best", ONLINE)),
    ]


def _callback(node: Node, path: str, module: Data) -> pl.Callback:
    """Return one callback, with the data of the run if it asks for them."""
    passed = {"data": module} if arguments(node, "callbacks").passed else {}
    return make(node, path, **passed)


def trainer(config: Config, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Return the Lightning trainer for this machine; its loggers are set later."""
    return make(
        config["trainer"], "trainer", epochs=config["epochs"], callbacks=callbacks, logger=[]
    )


class Parts(NamedTuple):
    """The objects that a run is trained with; each is built once.

    Attributes:
        data: data set and views.
        method: the method with its first weights.
        begins_with: where these weights come from, in words.
        trainer: Lightning's trainer with all callbacks, and no loggers yet.
    """

    data: Data
    method: Method
    begins_with: str
    trainer: pl.Trainer


@hardware.memory_told()
def parts(config: Config, path: Path, trained_first: Mapping[str, Backbone] | None = None) -> Parts:
    """Build everything that a run needs, so that a mistake is told before its folder is made.

    Args:
        config: the checked config.
        path: the run folder, which need not exist yet.
        trained_first: see `method`.

    Raises:
        ConfigError: a mistake in what was asked for.
        RunFailed: there is not enough memory for it.
    """
    protocols(config)
    module = data(config)
    made = method(config, module, trained_first)
    made.check_batch_size(config["batch_size"])
    begins_with = weights.initialise(made, made.backbone, config["init"])
    lightning = trainer(config, callbacks(config, path, module))
    module.loader(rank=0, world=lightning.world_size)  # raises if the batch cannot be shared
    return Parts(module, made, begins_with, lightning)
