"""The check of a config: no typo survives to the first constructor.

The constructors are the schema: every node with a `_target_` is compared with the signature and
type hints of that target. The plain keys at the top are described in `keys.py`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import pydantic

from manyviews.errors import ConfigError, unknown
from manyviews.ranges import Rate, Share, mistake
from manyviews.schema.keys import PARTIAL, PASSED, SCHEMAS, USED_BY_BUILD, Config, Named, Node
from manyviews.schema.signatures import Signature, signature
from manyviews.schema.targets import check_allowed

OBJECT = "input should be a node with a _target_"


class Arguments(NamedTuple):
    """How a node's keys differ from the arguments of its constructor.

    Attributes:
        passed: arguments that build.py passes; a config may not set them.
        used_by_build: keys that build.py uses itself; the constructor does not get them. Types by
            name.
    """

    passed: frozenset[str]
    used_by_build: dict[str, Any]


def check(command: str, config: Config, typed: Mapping[str, Any] | None = None) -> None:
    """Compare a plain config with its schema.

    Where the schema wants text and the command line gave something that looks like a number or a
    boolean (`data.path=2024`), the config is changed to hold the text that was typed.

    Args:
        command: a key of `SCHEMAS`.
        config: values without interpolations.
        typed: text of each value on the command line, by its key.

    Raises:
        ConfigError: unknown key, wrong type, wrong choice, missing value or a target that is not
            allowed.
    """
    _check_is_data(config, "")
    schema = SCHEMAS[command]
    hints = {name: field.annotation for name, field in schema.model_fields.items()}
    _take_text(config, hints, "", typed or {})
    _validate(schema, config, "")
    for group, node in config.items():
        named = {group: node} if hints[group] in (Node, Node | None) and node is not None else {}
        if hints[group] == Named and node is not None:
            named = {f"{group}.{name}": child for name, child in node.items() if child is not None}
        for path, child in named.items():
            if "_target_" not in child:
                raise ConfigError(f"{path}._target_ is missing, the class or function to build")
        _check_node(node, group, group, typed or {})
    _check_rates(config.get("optimizer", {}))


def _check_rates(optimizer: Node) -> None:
    """Raise unless the numbers of an optimizer have a sense; torch accepts a rate of 1e30."""
    for key, kind in {"lr": Rate, "weight_decay": Rate, "momentum": Share}.items():
        if key in optimizer and (said := mistake(optimizer[key], kind)):
            raise ConfigError(f"optimizer.{key}={optimizer[key]}; allowed: {said}")


def _check_is_data(value: Any, path: str) -> None:
    """Raise if a value would be more than data: an interpolation or an instruction to Hydra.

    Raises:
        ConfigError: names the key.
    """
    if isinstance(value, str) and "${" in value:
        raise ConfigError(f"{path}={value}: '${{' is not allowed in a value")
    if isinstance(value, list):
        for i, item in enumerate(value):
            _check_is_data(item, f"{path}.{i}")
    if not isinstance(value, dict):
        return
    for key, child in value.items():
        inner = f"{path}.{key}".lstrip(".")
        if not isinstance(key, str):
            raise ConfigError(f"{inner}: a key must be text, not {type(key).__name__}")
        if key == "_partial_" and path in PARTIAL:
            if child is not True:
                raise ConfigError(f"{inner}={child!r}; allowed: true")
        elif key.startswith("_") and key != "_target_":
            raise ConfigError(f"{inner}: a key that begins with '_' is not allowed here")
        _check_is_data(child, inner)


def arguments(node: Node, group: str) -> Arguments:
    """Return how the keys of a group's node differ from the arguments of its constructor."""
    taken = signature(str(node["_target_"]), group)
    passed, used = {*PASSED.get(group, ())}, {**USED_BY_BUILD.get(group, {})}
    passed |= {*taken.needs, *taken.trained_first}
    for argument in taken.trained_first:  # the folder of a run, or how to make that run
        used |= {argument: str | None, f"{argument}_overrides": list[str]}
    return Arguments(
        frozenset(passed & {*taken.hints}),
        {key: kind for key, kind in used.items() if key not in taken.hints or key in passed},
    )


def _check_node(node: Any, path: str, group: str | None, typed: Mapping[str, Any]) -> None:
    """Check a node and all nodes below it.

    Args:
        node: a part of the config.
        path: its keys, joined by points.
        group: its group, for the outermost node with a target of each branch; None below that.
        typed: see `check`.
    """
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_node(item, f"{path}.{i}", group, typed)
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        _check_target(node, path, group, typed)
        group = None
    for key, child in node.items():
        _check_node(child, f"{path}.{key}", group, typed)


def _check_target(node: Node, path: str, group: str | None, typed: Mapping[str, Any]) -> None:
    """Check the values of a node against the signature of its target."""
    target = node["_target_"]
    check_allowed(target, path)
    taken, hints, _ = _keys(target, path, group)
    _take_text(node, hints, path, typed)
    values = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    _check_named_nodes(values, hints, path, taken.takes_any)
    nodes = frozenset(key for key, value in values.items() if _holds_node(value))
    _validate(_schema(target, path, group, nodes), values, path)


@cache
def _keys(
    target: str, path: str, group: str | None
) -> tuple[Signature, dict[str, Any], frozenset[str]]:
    """Return the signature of a target, the types of a node's keys, and those that build.py uses.

    The last ones may be missing, although the target may require them.
    """
    taken = signature(target, path)
    passed, used = arguments({"_target_": target}, group) if group else (frozenset(), {})
    hints = {k: v for k, v in taken.hints.items() if k not in passed} | used
    return taken, hints, frozenset(used)


def _take_text(node: Node, hints: dict[str, Any], path: str, typed: Mapping[str, Any]) -> None:
    """Put the text that was typed in place of a value that does not fit, if the text fits."""
    for key, hint in hints.items():
        text = typed.get(f"{path}.{key}".lstrip("."))
        if text is not None and key in node and not _fits(hint, node[key]) and _fits(hint, text):
            node[key] = text


def _fits(hint: Any, value: Any) -> bool:
    """Return True if a value has the type of a hint."""
    try:
        model = pydantic.create_model("Value", __config__=_settings("forbid"), value=(hint, ...))
        model.model_validate_json(json.dumps({"value": value}))
    except pydantic.ValidationError:
        return False
    return True


@cache
def _schema(target: str, path: str, group: str | None, nodes: frozenset[str]) -> type[Any]:
    """Return a pydantic model of the keys that a node may have.

    Args:
        target: name of its class or function.
        path: its keys, joined by points.
        group: see `_check_node`.
        nodes: keys that hold nodes, which are checked on their own.
    """
    taken, hints, optional = _keys(target, path, group)
    fields: dict[str, Any] = {
        name: (Any if name in nodes else hint, ... if name in taken.required - optional else None)
        for name, hint in hints.items()
    }
    extra = "allow" if taken.takes_any else "forbid"
    return pydantic.create_model("Node", __config__=_settings(extra), **fields)


def _check_named_nodes(values: Node, hints: dict[str, Any], path: str, takes_any: bool) -> None:
    """Raise unless nodes stand wherever a target takes objects by name, such as kinds of views.

    Args:
        values: the keys of a node.
        hints: keys that are parameters of its target.
        path: its keys, joined by points.
        takes_any: True if all further keys are names of objects.
    """
    named = [(path, {k: v for k, v in values.items() if k not in hints})] if takes_any else []
    named += [
        (f"{path}.{key}", value)
        for key, value in values.items()
        if isinstance(value, dict) and "_target_" not in value and _holds_node(value)
    ]
    for place, children in named:
        for name, child in children.items():
            if child is not None and not (isinstance(child, dict) and "_target_" in child):
                raise ConfigError(f"{place}.{name}={child}: {OBJECT}, the class to build")


def _settings(extra: Literal["allow", "forbid"]) -> pydantic.ConfigDict:
    return pydantic.ConfigDict(
        extra=extra, strict=True, arbitrary_types_allowed=True, protected_namespaces=()
    )


def _holds_node(value: Any) -> bool:
    """Return True if a value is a node with a target, or a list or dict that holds one."""
    if isinstance(value, dict):
        return "_target_" in value or any(map(_holds_node, value.values()))
    return isinstance(value, list) and any(map(_holds_node, value))


def _validate(schema: type[pydantic.BaseModel], values: Mapping[str, Any], path: str) -> None:
    try:
        # As JSON: a YAML list may stand for a tuple, and nothing else is converted.
        schema.model_validate_json(json.dumps(values))
    except pydantic.ValidationError as error:
        raise _first_mistake(error.errors(), schema, path) from error


def _first_mistake(
    mistakes: Sequence[Any], schema: type[pydantic.BaseModel], path: str
) -> ConfigError:
    """Return the first of pydantic's complaints in one line.

    Args:
        mistakes: pydantic's complaints.
        schema: the model of the keys at `path`.
        path: joined by points.
    """
    mistake = mistakes[0]
    first, *rest = map(str, mistake["loc"])
    key = ".".join(filter(None, [path, first]))
    of_first = [m for m in mistakes if m["loc"][0] == first]
    inner = schema.model_fields[first].annotation if first in schema.model_fields else None
    if rest and inspect.isclass(inner) and issubclass(inner, pydantic.BaseModel):
        return _first_mistake([{**m, "loc": m["loc"][1:]} for m in of_first], inner, key)
    if mistake["type"] == "extra_forbidden":
        allowed = [".".join(filter(None, [path, name])) for name in schema.model_fields]
        return unknown("key", key, allowed)
    if mistake["type"] == "missing":
        return ConfigError(f"{key} is missing; type {key}=VALUE")
    # A key that may be of several types has a complaint for each; what YAML holds is a list.
    complaints = [
        OBJECT if m["type"] == "is_instance_of" or "isinstance" in m["msg"] else m["msg"].lower()
        for m in of_first
    ]
    said, *others = dict.fromkeys(text.replace("array", "list") for text in complaints)
    said = " or ".join([said, *(other.removeprefix("input should be ") for other in others)])
    given = mistake["input"]
    return ConfigError(f"{key}={given!r} ({type(given).__name__}): {said}")
