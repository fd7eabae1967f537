"""Configs that an earlier manyviews wrote, in today's form.

`format_version` in config.yaml counts the changes of that form. Version 2 (public names): configs
name classes and functions as `manyviews.methods.SwAV`, not by the file in which they lie, and views
have no `mode`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from manyviews.errors import ConfigError

FORMAT_VERSION = 2

# Names of version 1 and the public names that took their place, tried in this order.
PUBLIC_NAMES = (
    (r"manyviews\.methods\.\w+\.(\w+)", r"manyviews.methods.\1"),
    (r"manyviews\.backbones\.\w+\.(\w+)", r"manyviews.backbones.\1"),
    (r"manyviews\.datamodules\.views\.(.+)", r"manyviews.views.\1"),
    (r"manyviews\.datamodules\.series\.\w+\.(\w+)", r"manyviews.data.\1"),
    (r"manyviews\.datamodules\.\w+\.(\w+)", r"manyviews.data.\1"),
    (r"manyviews\.evaluation\.\w+\.(\w+)", r"manyviews.evaluation.\1"),
    (r"manyviews\.dashboards\.wandb_logger", "manyviews.loggers.open_wandb"),
    (r"manyviews\.hardware\.trainer", "manyviews.trainer.build_trainer"),
)


def upgraded(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the content of a config.yaml in the form of `FORMAT_VERSION`.

    Args:
        record: the content, with its `format_version`.
        path: the run folder, for messages.

    Raises:
        ConfigError: of a later version, or with a setting that no longer exists.
    """
    version = record["format_version"]
    if version not in range(1, FORMAT_VERSION + 1):
        raise ConfigError(
            f"{path} has format_version {version}, this manyviews reads 1 to {FORMAT_VERSION}; "
            "use the manyviews that wrote it (see environment.json)"
        )
    if version == 1:
        record = with_public_names(record)
        _drop_mode(record.get("views"), path)
    return {**record, "format_version": FORMAT_VERSION}


def with_public_names(node: Any) -> Any:
    """Return a config in which every `_target_` of version 1 is a public name."""
    if isinstance(node, list):
        return [with_public_names(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: with_public_names(value) for key, value in node.items()}
    if isinstance(name := node.get("_target_"), str):
        renamed["_target_"] = _public(name)
    return renamed


def _public(name: str) -> str:
    for pattern, public in PUBLIC_NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, public, name)
    return name


def _drop_mode(views: Any, path: Path) -> None:
    """Remove `views.mode: exact`, which is the only way that is left."""
    if isinstance(views, dict) and views.pop("mode", "exact") != "exact":
        raise ConfigError(
            f"{path} has views.mode=affine, which was removed; "
            "use the manyviews that wrote it (see environment.json)"
        )
