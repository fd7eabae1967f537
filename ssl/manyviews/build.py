"""From a checked config to objects; the only place that calls `instantiate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from manyviews.backbones.registry import check_sizes
from manyviews.config import Config
from manyviews.datamodules.images import ImageData, ImageSplits
from manyviews.datamodules.views import Views
from manyviews.errors import ConfigError
from manyviews.evaluation.suite import Protocol
from manyviews.method import Method


def data(config: Config) -> ImageData:
    """The data set and its views, not yet any batch."""
    splits: ImageSplits = instantiate(config["data"])
    views: Views = _make(config["views"])
    return ImageData(splits, views, batch_size=config["batch_size"], seed=config["seed"])


def backbone(config: Config, module: ImageData) -> torch.nn.Module:
    """The backbone as it is before the first step of this seed.

    Raises:
        ConfigError: it cannot take the size of a view or of the images.
    """
    sizes = [*module.views.sizes(*module.splits.size), module.splits.size]
    torch.manual_seed(config["seed"])
    built: Any = instantiate(
        config["backbone"], in_channels=module.splits.channels, image_size=max(map(max, sizes))
    )
    check_sizes(built, sizes)
    return built


def method(config: Config, module: ImageData) -> Method:
    """The method around its backbone, optimizer, schedule and regularizers."""
    trunk = backbone(config, module)
    return _make(
        config["method"],
        backbone=trunk,
        optimizer=instantiate(config["optimizer"]),
        schedule=instantiate(config["schedule"]),
        regularizers=nodes(config["regularizers"]),
    )


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


def nodes(named: Mapping[str, Any]) -> dict[str, Any]:
    """Named nodes as objects; null ones are left out."""
    return {name: _make(node) for name, node in named.items() if node is not None}


def _make(node: Mapping[str, Any], **handed: Any) -> Any:
    """`instantiate` with the ConfigError of a constructor instead of Hydra's wrapping of it."""
    try:
        return instantiate(node, **handed, _convert_="all")
    except Exception as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from error
        raise
