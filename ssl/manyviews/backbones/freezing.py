"""Parts of a backbone that do not train: `backbone.freeze=all`, a number of stages, or names."""

from __future__ import annotations

from itertools import chain
from typing import Literal

from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError, unknown

Freeze = Literal["all"] | int | list[str]


def freeze_parts(backbone: Backbone, what: Freeze) -> None:
    """Take the gradient from parts of a backbone; `Backbone.train` keeps them in evaluation mode.

    Args:
        backbone: changed in place.
        what: "all"; how many stages, the stem counts with the first; or names of parts or
            parameters, as their library names them.

    Raises:
        ConfigError: there is no such part, or there are not as many stages.
    """
    if what == "all":
        what = _parts(backbone)
    names = _first_stages(backbone, what) if isinstance(what, int) else what
    for name in names:
        _held(backbone, name).requires_grad_(False)
    backbone.train(backbone.training)


def _first_stages(backbone: Backbone, count: int) -> list[str]:
    stages = backbone.parts_by_stage()
    if not stages:
        raise ConfigError(
            f"backbone.freeze={count}: the stages of this backbone are not known by number; "
            f"type names, as backbone.freeze=[{_parts(backbone)[0]}], or all"
        )
    if not 0 <= count <= len(stages):
        raise ConfigError(f"backbone.freeze={count}; allowed: 0 to {len(stages)} stages, or all")
    return [*chain.from_iterable(stages[:count])]


def _held(backbone: Backbone, name: str) -> nn.Module | nn.Parameter:
    """The part or parameter of this name."""
    path = backbone.prefix + name
    found = dict(backbone.named_modules()).get(path) or dict(backbone.named_parameters()).get(path)
    if not name or found is None:
        raise unknown("part of the backbone", name, _parts(backbone))
    return found


def _parts(backbone: Backbone) -> list[str]:
    """Outermost parts that hold parameters, in their order, as their library names them."""
    inner = [path.removeprefix(backbone.prefix) for path, _ in backbone.named_parameters()]
    return [*dict.fromkeys(path.partition(".")[0] for path in inner)]
