"""Backbones by name: our own, those of plugins, and all of timm and torchvision."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from manyviews.backbones import resnet
from manyviews.backbones.backbone import Backbone
from manyviews.backbones.freezing import Freeze, freeze_parts
from manyviews.backbones.inception_time import InceptionTime
from manyviews.backbones.rebar.cross_attention import CrossAttention
from manyviews.backbones.resnet1d import ResNet1d
from manyviews.backbones.sizes import suggest_sizes
from manyviews.backbones.tcn import TCN
from manyviews.backbones.weights import load, read
from manyviews.errors import ConfigError, unknown

Stem = Literal["auto", "small", "imagenet"]
SMALL_BELOW = 64  # pixels; the ImageNet stem would shrink smaller images to almost nothing
# Libraries whose models are chosen by name; each has a module of its name in this folder.
LIBRARIES = ("timm/", "torchvision/")

SERIES: dict[str, Callable[..., Backbone]] = {
    "tcn": TCN,
    "resnet1d": ResNet1d,
    "inception_time": InceptionTime,
    "cross_attention": CrossAttention,
}
OWN: dict[str, Callable[..., Backbone]] = {
    "resnet_tiny": resnet.resnet_tiny,
    "resnet_slim": resnet.resnet_slim,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    **SERIES,
}


def _builders() -> dict[str, Callable[..., Backbone]]:
    """Return our own backbones and those of plugins (entry points `manyviews.backbones`)."""
    # Ours come last, so that a plugin cannot replace one of them.
    plugins = entry_points(group="manyviews.backbones")
    return {**{plugin.name: _loader(plugin) for plugin in plugins}, **OWN}


def _loader(plugin: EntryPoint) -> Callable[..., Backbone]:
    """Return a builder that imports the plugin when it is called."""
    return lambda **arguments: plugin.load()(**arguments)


def available(pattern: str = "*") -> list[str]:
    """Return the names that `build` takes and that match the pattern, sorted.

    torchvision and timm are searched only if the pattern begins with their name.

    >>> available("resnet1*")
    ['resnet18', 'resnet1d']
    """
    library = _library(pattern)
    return sorted(fnmatch.filter(library.available() if library else _builders(), pattern))


def _library(name: str) -> Any | None:
    """Return our module for the library that a name begins with; it has `available` and `Model`."""
    if not name.startswith(LIBRARIES):
        return None
    # These libraries take seconds to import, so only the one that is asked for is.
    return import_module(f"manyviews.backbones.{name.partition('/')[0]}")


def build(
    name: str,
    stem: Stem = "auto",
    zero_init_residual: bool | None = None,
    weights: str | None = None,
    pretrained: bool = False,
    freeze: Freeze | None = None,
    *,
    in_channels: int = 3,
    image_size: int = 224,
) -> Backbone:
    """Return a backbone, with random weights or with those of a file.

    Args:
        name: one of `available()`, `timm/<name>` or `torchvision/<name>`.
        stem: first layers of our own ResNets: "small" keeps the resolution, "imagenet" divides it
            by four, "auto" is small for images below 64 pixels.
        zero_init_residual: for our own ResNets and torchvision's: True initialises the residual
            branches to zero output.
        weights: a file or run folder that holds all weights; see `weights.read`.
        pretrained: for `timm/<name>`: True downloads timm's pretrained weights.
        freeze: the parts that do not train; see `freezing.freeze_parts`.
        in_channels: number of channels of the input.
        image_size: side in pixels of the largest view; not used for time series.

    Raises:
        ConfigError: if the name is unknown, the weights do not fit, or there is no such part to
            freeze.
    """
    more = {}
    if pretrained:
        _check_pretrained(name, weights)
        more = {"pretrained": True}
    built = _architecture(name, stem, in_channels, image_size, **more)
    if zero_init_residual:
        if not hasattr(built, "begin_as_identity"):
            raise ConfigError(f"backbone.zero_init_residual is for ResNets, not for {name}")
        built.begin_as_identity()  # pyright: ignore[reportCallIssue]
    return load_and_freeze(built, weights, freeze)


def load_and_freeze(
    built: Backbone, weights: str | None = None, freeze: Freeze | None = None
) -> Backbone:
    """Load weights into a backbone, freeze parts of it, and return it.

    Args:
        built: changed in place.
        weights: a file or run folder that holds all weights; None keeps those it has.
        freeze: the parts that do not train, see `freezing.freeze_parts`; None freezes nothing.

    Raises:
        ConfigError: if the weights do not fit, or there is no such part to freeze.
    """
    if weights is not None:
        built.begins_with = load(built, read(weights), f"backbone.weights={weights}")
    if freeze is not None:
        freeze_parts(built, freeze)
    return built


def _check_pretrained(name: str, weights: str | None) -> None:
    """Raise unless `pretrained` stands alone and the backbone is one of timm's."""
    if weights is not None:
        raise ConfigError(
            "backbone.pretrained=true and backbone.weights both begin it; leave one out"
        )
    if not name.startswith("timm/"):
        raise ConfigError(f"backbone.pretrained is for timm/NAME, not for {name}; use timm's")


def _architecture(
    name: str, stem: Stem, in_channels: int, image_size: int, **more: bool
) -> Backbone:
    """Return the backbone of this name with random weights (or timm's, in `more`)."""
    if library := _library(name):
        model = name.partition("/")[2]
        return library.Model(model, in_channels=in_channels, image_size=image_size, **more)
    builders = _builders()
    if name not in builders:
        raise unknown("backbone", name, builders)
    if name in SERIES:
        if stem != "auto":
            raise ConfigError(f"backbone.stem is for our own ResNets, not for {name}")
        return builders[name](in_channels)
    if stem == "auto":
        stem = "small" if image_size < SMALL_BELOW else "imagenet"
    return builders[name](stem=stem, in_channels=in_channels)


def check_sizes(backbone: Backbone, sizes: Sequence[tuple[int, ...]]) -> None:
    """Raise unless the backbone takes inputs of all these sizes.

    Args:
        backbone: as built.
        sizes: the sizes of the views: (height, width) in pixels for images, (steps,) for series.

    Raises:
        ConfigError: if it reads the other kind of data, or does not take one of the sizes; the
            message names sizes that it takes.
    """
    kind = "images" if len(sizes[0]) == 2 else "series"
    if backbone.reads != kind:
        instead = "resnet18" if kind == "images" else "tcn"
        raise ConfigError(
            f"{type(backbone).__name__} reads {backbone.reads}, the data are {kind}; "
            f"type backbone={instead}"
        )
    for size in dict.fromkeys(sizes):  # each size once, in the given order
        if not backbone.takes(*size):
            given = " x ".join(map(str, size)) + (" pixels" if kind == "images" else " steps")
            raise ConfigError(
                f"{kind} of {given} do not pass the backbone; "
                f"{suggest_sizes(backbone.could_take, min(size), kind)}; change "
                f"{'data.window' if kind == 'series' else 'views.<kind>.operations.crop.size'}, "
                "or the backbone"
            )
