"""Freezing parts of a backbone: `backbone.freeze=all`, a number of stages, or names of parts."""

from __future__ import annotations

from itertools import chain
from typing import Literal

from torch import nn

from manyviews.backbones.backbone import Backbone
from manyviews.errors import ConfigError, unknown

Freeze = Literal["all"] | int | list[str]


def freeze_parts(backbone: Backbone, what: Freeze) -> None:
    """Switch off the gradient of parts of a backbone, which also keeps them in evaluation mode.

    Args:
        backbone: changed in place.
        what: "all"; the number of first stages to freeze, the stem with the first; or names of
            modules or parameters, as the model's own library names them.

    Raises:
        ConfigError: if there is no such part, or there are fewer stages.
    """
    if what == "all":
        what = _parts(backbone)
    names = _first_stages(backbone, what) if isinstance(what, int) else what
    for name in names:
        _part(backbone, name).requires_grad_(False)
    backbone.train(backbone.training)  # puts the frozen parts into evaluation mode


def _first_stages(backbone: Backbone, count: int) -> list[str]:
    """Return the names of the parts of the first `count` stages."""
    stages = backbone.parts_by_stage()
    if not stages:
        raise ConfigError(
            f"backbone.freeze={count}: the stages of this backbone are not known by number; "
            f"type names, as backbone.freeze=[{_parts(backbone)[0]}], or all"
        )
    if not 0 <= count <= len(stages):
        raise ConfigError(f"backbone.freeze={count}; allowed: 0 to {len(stages)} stages, or all")
    return [*chain.from_iterable(stages[:count])]


def _part(backbone: Backbone, name: str) -> nn.Module | nn.Parameter:
    """Return the module or parameter of this name."""
    path = backbone.prefix + name
    found = dict(backbone.named_modules()).get(path) or dict(backbone.named_parameters()).get(path)
    if not name or found is None:
        raise unknown("part of the backbone", name, _parts(backbone))
    return found


def _parts(backbone: Backbone) -> list[str]:
    """Return the outermost modules that hold parameters, as the model's own library names them."""
    # The prefix is ours; users know the names that the model's library prints.
    inner = [path.removeprefix(backbone.prefix) for path, _ in backbone.named_parameters()]
    return [*dict.fromkeys(path.partition(".")[0] for path in inner)]
