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
LIBRARIES = ("timm/", "torchvision/")  # whose models are chosen by name, not by a config file

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

    torchvision and timm are searched where the pattern begins with their name.

    >>> available("resnet1*")
    ['resnet18']
    """
    return sorted(fnmatch.filter(_library(pattern) or _builders(), pattern))


def _library(name: str) -> list[str]:
    """What the library that a name or pattern begins with offers; empty for names of our own."""
    if name.startswith("timm/"):
        from manyviews.backbones import timm  # seconds to import: only where it is asked for

        return timm.available()
    if name.startswith("torchvision/"):
        from manyviews.backbones import torchvision

        return torchvision.available()
    return []


def _of_library(name: str, **arguments: int) -> Backbone:
    library, _, model = name.partition("/")
    if library == "timm":
        from manyviews.backbones.timm import Timm

        return Timm(model, **arguments)
    from manyviews.backbones.torchvision import Torchvision

    return Torchvision(model, **arguments)


def build(
    name: str, stem: Stem = "auto", *, in_channels: int = 3, image_size: int = 224
) -> Backbone:
    """A freshly initialised backbone.

    Args:
        name: one of `available()`, `timm/<name>` or `torchvision/<name>`.
        stem: of our own ResNets: "small" keeps the resolution, "imagenet" divides it by four;
            "auto" is small below 64 pixels.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view.

    Raises:
        ConfigError: unknown name.
    """
    if name.startswith(LIBRARIES):
        return _of_library(name, in_channels=in_channels, image_size=image_size)
    builders = _builders()
    if name not in builders:
        raise unknown("backbone", name, builders)
    if stem == "auto":
        stem = "small" if image_size < SMALL_BELOW else "imagenet"
    return builders[name](stem=stem, in_channels=in_channels)


def check_sizes(backbone: Backbone, sizes: list[tuple[int, int]]) -> None:
    """Refuse sizes that the backbone cannot take, naming what it can.

    Raises:
        ConfigError: one of the sizes does not pass.
    """
    for height, width in dict.fromkeys(sizes):
        if not backbone.takes(height, width):
            raise ConfigError(
                f"images of {height} x {width} pixels do not pass the backbone; "
                f"the smallest square it takes has {backbone.smallest()}; "
                "change views.<kind>.operations.crop.size, or the backbone"
            )
