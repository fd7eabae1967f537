"""The names of the backbones."""

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
from manyviews.backbones.sizes import that_pass
from manyviews.backbones.tcn import TCN
from manyviews.backbones.weights import load, read
from manyviews.errors import ConfigError, unknown

Stem = Literal["auto", "small", "imagenet"]
SMALL_BELOW = 64  # pixels; smaller images would be shrunk to nothing by the ImageNet stem
# Whose models are chosen by name, not by a config file; each has a module of this name here.
LIBRARIES = ("timm/", "torchvision/")

SERIES: dict[str, Callable[..., Backbone]] = {
    "tcn": TCN,
    "resnet1d": ResNet1d,
    "inception_time": InceptionTime,
    "cross_attention": CrossAttention,
}
OWN: dict[str, Callable[..., Backbone]] = {
    "resnet_tiny": resnet.resnet_tiny,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    **SERIES,
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
    ['resnet18', 'resnet1d']
    """
    library = _library(pattern)
    return sorted(fnmatch.filter(library.available() if library else _builders(), pattern))


def _library(name: str) -> Any | None:
    """The module of the library that a name or pattern begins with: `available()`, `Model`."""
    if not name.startswith(LIBRARIES):
        return None
    # Seconds to import: only where it is asked for.
    return import_module(f"manyviews.backbones.{name.partition('/')[0]}")


def build(
    name: str,
    stem: Stem = "auto",
    zero_init_residual: bool = False,
    weights: str | None = None,
    pretrained: bool = False,
    freeze: Freeze | None = None,
    *,
    in_channels: int = 3,
    image_size: int = 224,
) -> Backbone:
    """A backbone, freshly initialised or with weights.

    Args:
        name: one of `available()`, `timm/<name>` or `torchvision/<name>`.
        stem: of our own ResNets: "small" keeps the resolution, "imagenet" divides it by four;
            "auto" is small below 64 pixels.
        zero_init_residual: of our own ResNets: their residual branches begin at zero.
        weights: a file or run folder with all its weights; see `weights.read`.
        pretrained: of `timm/<name>`: begin with the weights that timm downloads.
        freeze: what does not train; see `freezing.freeze_parts`.
        in_channels: channels of the images.
        image_size: side in pixels of the largest view; backbones of series do without.

    Raises:
        ConfigError: unknown name, weights that do not fit, or no such part to freeze.
    """
    more = {}
    if pretrained:
        _check_pretrained(name, weights)
        more = {"pretrained": True}
    built = _architecture(name, stem, in_channels, image_size, **more)
    if zero_init_residual:
        if not isinstance(built, resnet.ResNet):
            raise ConfigError(f"backbone.zero_init_residual is for our own ResNets, not for {name}")
        built.begin_as_identity()
    return begun(built, weights, freeze)


def begun(built: Backbone, weights: str | None = None, freeze: Freeze | None = None) -> Backbone:
    """A backbone with the weights of a file, and with parts that do not train.

    Args:
        built: changed in place.
        weights: a file or run folder with all its weights; see `weights.read`.
        freeze: what does not train; see `freezing.freeze_parts`.

    Raises:
        ConfigError: weights that do not fit, or no such part to freeze.
    """
    if weights is not None:
        built.begins_with = load(built, read(weights), f"backbone.weights={weights}")
    if freeze is not None:
        freeze_parts(built, freeze)
    return built


def _check_pretrained(name: str, weights: str | None) -> None:
    if weights is not None:
        raise ConfigError(
            "backbone.pretrained=true and backbone.weights both begin it; leave one out"
        )
    if not name.startswith("timm/"):
        raise ConfigError(f"backbone.pretrained is for timm/NAME, not for {name}; use timm's")


def _architecture(
    name: str, stem: Stem, in_channels: int, image_size: int, **more: bool
) -> Backbone:
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
    """Refuse sizes that the backbone cannot take, naming what it can.

    Args:
        backbone: as built.
        sizes: height and width of images, or steps of series.

    Raises:
        ConfigError: it reads the other kind of data, or one of the sizes does not pass.
    """
    kind = "images" if len(sizes[0]) == 2 else "series"
    if backbone.reads != kind:
        instead = "resnet18" if kind == "images" else "tcn"
        raise ConfigError(
            f"{type(backbone).__name__} reads {backbone.reads}, the data are {kind}; "
            f"type backbone={instead}"
        )
    for size in dict.fromkeys(sizes):
        if not backbone.takes(*size):
            given = " x ".join(map(str, size)) + (" pixels" if kind == "images" else " steps")
            raise ConfigError(
                f"{kind} of {given} do not pass the backbone; "
                f"{that_pass(backbone.could_take, min(size), kind)}; change "
                f"{'data.window' if kind == 'series' else 'views.<kind>.operations.crop.size'}, "
                "or the backbone"
            )
