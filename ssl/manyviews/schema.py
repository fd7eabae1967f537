"""The check of a config: no typo survives to the first constructor.

The constructors are the schema: every node with a `_target_` is compared with the signature and
type hints of that target. Only the plain keys at the top have a description of their own, here.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import typing
from collections.abc import Mapping
from typing import Any, Literal

import pydantic

from manyviews.backbones.freezing import Freeze
from manyviews.errors import ConfigError, unknown

Config = dict[str, Any]
Node = dict[str, Any]
TRUSTED = ("manyviews.", "torch.optim.", "pytorch_lightning.")

# What build.py hands to a constructor itself; a config may not set it.
HANDED: dict[str, set[str]] = {
    "method": {
        "backbone",
        "optimizer",
        "schedule",
        "regularizers",
        "seed",
        "classes",
        "retriever",
    },
    "backbone": {"in_channels", "image_size"},
    "optimizer": {"params"},
    "logger": {"run"},
    "trainer": {"callbacks", "logger", "epochs"},
}


# What build.py sees to where a target does not take it, or is handed something else for it.
KEPT: dict[str, dict[str, Any]] = {
    "data": {"labels": (str | None, None)},
    "backbone": {"weights": (str | None, None), "freeze": (Freeze | None, None)},
    "method": {"retriever": (str | None, None), "retriever_overrides": (list[str], [])},
}


class _Keys(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)


class Pretrain(_Keys):
    """Top-level keys of `manyviews pretrain`."""

    seed: int = pydantic.Field(ge=0, lt=2**31)
    epochs: int = pydantic.Field(ge=1)
    batch_size: int = pydantic.Field(ge=2)
    resume: Literal["auto", "never"]
    init: str | None
    save_every_n_steps: int = pydantic.Field(ge=1)
    runs: str
    data: Node
    views: Node
    backbone: Node
    method: Node
    optimizer: Node
    schedule: Node
    regularizers: dict[str, Node | None]
    trainer: Node
    callbacks: dict[str, Node | None]
    logger: dict[str, Node | None]
    evaluation: dict[str, Node | None]


class ViewsSheet(Pretrain):
    """Top-level keys of `manyviews views`."""

    sample: int | None = pydantic.Field(ge=0)
    epoch: int = pydantic.Field(ge=0)
    file: str


class Doctor(Pretrain):
    """Top-level keys of `manyviews doctor`."""

    file: str | None


class Evaluate(_Keys):
    """Top-level keys of `manyviews evaluate`."""

    run: str
    ckpt: str
    evaluation: dict[str, Node | None]
    logger: dict[str, Node | None]


SCHEMAS: dict[str, type[_Keys]] = {
    "pretrain": Pretrain,
    "evaluate": Evaluate,
    "views_sheet": ViewsSheet,
    "doctor": Doctor,
}


def check(command: str, config: Config) -> None:
    """Compare a plain config with its schema.

    Raises:
        ConfigError: unknown key, wrong type, wrong choice, missing value or untrusted target.
    """
    _validate(SCHEMAS[command], config, "")
    for group, node in config.items():
        _check_node(node, group, HANDED.get(group, set()))


def _check_node(node: Any, path: str, handed: set[str]) -> None:
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_node(item, f"{path}.{i}", handed)
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        _check_target(node, path, handed)
    for key, child in node.items():
        _check_node(child, f"{path}.{key}", handed if "_target_" not in node else set())


def _check_target(node: Node, path: str, handed: set[str]) -> None:
    target = locate(str(node["_target_"]), path)
    values = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    kept = seen_to(node, path)
    held = {key: values.pop(key) for key in kept if key in values}
    _validate(pydantic.create_model("Kept", **kept), held, path)
    # A nested node becomes an object of its own and is checked by itself, not against the hint.
    open_hints = {k for k, v in values.items() if "_target_" in json.dumps(v)}
    _validate(_schema(target, handed, open_hints), values, path)


def seen_to(node: Node, group: str) -> dict[str, Any]:
    """Those keys of a group's node that build.py sees to, with their type and default."""
    taken = inspect.signature(locate(str(node["_target_"]), group)).parameters
    return {
        key: kind
        for key, kind in KEPT.get(group, {}).items()
        if key not in taken or key in HANDED.get(group, ())
    }


def locate(name: str, path: str) -> Any:
    """The class or function that a `_target_` names.

    Raises:
        ConfigError: outside the allow-list, or not there.
    """
    trusted = TRUSTED + tuple(filter(None, os.environ.get("MANYVIEWS_TRUST", "").split(",")))
    if not name.startswith(trusted):
        raise ConfigError(
            f"{path}._target_={name} is outside {', '.join(trusted)}; "
            "set MANYVIEWS_TRUST=your_package. to allow yours"
        )
    try:
        return _resolve(name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{path}._target_={name} does not exist") from error


def _resolve(name: str) -> Any:
    """The object of a dotted name, whose first parts are modules."""
    first, *parts = name.split(".")
    found = importlib.import_module(first)
    for i, part in enumerate(parts, 1):
        if inspect.ismodule(found) and not hasattr(found, part):
            importlib.import_module(".".join([first, *parts[:i]]))
        found = getattr(found, part)
    return found


def _schema(target: Any, handed: set[str], open_hints: set[str]) -> type[pydantic.BaseModel]:
    """A pydantic model of the target's parameters, without those that build.py hands over."""
    function = target.__init__ if inspect.isclass(target) else target
    hints = typing.get_type_hints(function)
    fields: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif name != "self" and name not in handed:
            hint = Any if name in open_hints else hints.get(name, Any)
            required = parameter.default is parameter.empty
            fields[name] = (hint, ... if required else parameter.default)
    settings = pydantic.ConfigDict(
        extra=extra, strict=True, arbitrary_types_allowed=True, protected_namespaces=()
    )
    return pydantic.create_model("Node", __config__=settings, **fields)


def _validate(schema: type[pydantic.BaseModel], values: Mapping[str, Any], path: str) -> None:
    try:
        # As JSON: a YAML list may stand for a tuple, and nothing else is converted.
        schema.model_validate_json(json.dumps(values))
    except pydantic.ValidationError as error:
        raise _first_mistake(error, schema, path) from error


def _first_mistake(
    error: pydantic.ValidationError, schema: type[pydantic.BaseModel], path: str
) -> ConfigError:
    mistakes = error.errors()
    mistake = mistakes[0]
    names = [str(part) for part in mistake["loc"]]
    key = ".".join(filter(None, [path, names[0]]))
    if mistake["type"] == "extra_forbidden":
        allowed = [".".join(filter(None, [path, name])) for name in schema.model_fields]
        return unknown("key", key, allowed)
    if mistake["type"] == "missing":
        return ConfigError(f"{key} is missing; type {key}=VALUE")
    # A key that may be of several types has a complaint for each; what YAML holds is a list.
    said, *others = dict.fromkeys(
        m["msg"].lower().replace("array", "list") for m in mistakes if m["loc"][0] == names[0]
    )
    said = " or ".join([said, *(other.removeprefix("input should be ") for other in others)])
    given = mistake["input"]
    return ConfigError(f"{key}={given!r} ({type(given).__name__}): {said}")
