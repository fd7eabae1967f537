"""Objects from the nodes of a checked config; no other file makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from manyviews.errors import ConfigError
from manyviews.schema import Config, arguments, locate


def nodes(named: Mapping[str, Any], group: str, **passed: Any) -> dict[str, Any]:
    """Return the named nodes of a group as objects, without those that are null."""
    return {
        name: make(node, f"{group}.{name}", **passed)
        for name, node in named.items()
        if node is not None
    }


def construct(config: Config, group: str, **passed: Callable[[], Any]) -> Any:
    """Return the object of a group's node, without the keys that build.py uses itself.

    Args:
        config: the whole config.
        group: its group.
        passed: makes each argument that does not come from the config, if the constructor asks for
            it; see `schema.arguments`.
    """
    node = config[group]
    wanted, used = arguments(node, group)
    own = {key: value for key, value in node.items() if key not in used}
    return make(own, group, **{name: of() for name, of in passed.items() if name in wanted})


def make(node: Mapping[str, Any], path: str, **passed: Any) -> Any:
    """Return the object that a node describes, with built objects as further arguments.

    A config is data: names are looked up by `locate` only, and no text is evaluated.

    Args:
        node: a checked node.
        path: its keys, joined by points.
        passed: further arguments, as they are.

    Raises:
        ConfigError: the constructor refuses a value.
    """
    target = locate(node["_target_"], path)
    given = {k: _made(v, f"{path}.{k}") for k, v in node.items() if not k.startswith("_")}
    if node.get("_partial_"):
        return partial(target, **given)
    try:
        return target(**given, **passed)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _made(value: Any, path: str) -> Any:
    """Return a value of a config in which every node with a target is built."""
    if isinstance(value, list):
        return [_made(item, f"{path}.{i}") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "_target_" in value:
        return make(value, path)
    return {key: _made(child, f"{path}.{key}") for key, child in value.items()}
