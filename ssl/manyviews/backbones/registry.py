"""The names of the backbones."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from manyviews.backbones import resnet
from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError, unknown

Stem = Literal["auto", "small", "imagenet"]
SMALL_BELOW = 64  # pixels; smaller images would be shrunk to nothing by the ImageNet stem


OWN: dict[str, Callable[..., Backbone]] = {
    "resnet_tiny": resnet.resnet_tiny,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
}


def _builders() -> dict[str, Callable[..., Backbone]]:
    """Our own and those that installed packages offer as `manyviews.backbones` entry points."""
    plugins = entry_points(group="manyviews.backbones")
    return {**{plugin.name: _loader(plugin) for plugin in plugins}, **OWN}


def _loader(plugin: EntryPoint) -> Callable[..., Backbone]:
    return lambda **arguments: plugin.load()(**arguments)


def available(pattern: str = "*") -> list[str]:
    """Names that `build` takes and that match the pattern, sorted.

    >>> available("resnet1*")
    ['resnet18']
    """
    return sorted(fnmatch.filter(_builders(), pattern))


def build(
    name: str, stem: Stem = "auto", *, in_channels: int = 3, image_size: int = 224
) -> Backbone:
    """A freshly initialised backbone.

    Args:
        name: one of `available()`.
        stem: "small" keeps the resolution, "imagenet" divides it by four; "auto" is small below
            64 pixels.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view.

    Raises:
        ConfigError: unknown name.
    """
    builders = _builders()
    if name not in builders:
        raise unknown("backbone", name, builders)
    if stem == "auto":
        stem = "small" if image_size < SMALL_BELOW else "imagenet"
    return builders[name](stem=stem, in_channels=in_channels)


def check_sizes(backbone: Backbone, sizes: list[tuple[int, int]]) -> None:
    """Refuse views that the backbone cannot take, naming what it can.

    Raises:
        ConfigError: a side is smaller or larger than the backbone takes.
    """
    for view, size in enumerate(sizes):
        limit = f"{backbone.smallest} to {backbone.largest or 'any number of'} pixels"
        if min(size) < backbone.smallest or max(size) > (backbone.largest or max(size)):
            raise ConfigError(
                f"view {view} has {size[0]} x {size[1]} pixels, but the backbone takes {limit}; "
                "change views.<kind>.operations.crop.size"
            )
