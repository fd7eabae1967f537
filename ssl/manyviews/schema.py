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
from typing import Any, Literal, NamedTuple

import pydantic

from manyviews.backbones.freezing import Freeze
from manyviews.errors import ConfigError, unknown

Config = dict[str, Any]
Node = dict[str, Any]
TRUSTED = ("manyviews.", "torch.optim.", "pytorch_lightning.")

# Constructor arguments that build.py passes; a config may not set them.
PASSED: dict[str, tuple[str, ...]] = {
    "method": ("backbone",),
    "backbone": ("in_channels", "image_size"),
    "optimizer": ("params",),
    "logger": ("run",),
    "trainer": ("callbacks", "logger", "epochs"),
}

# Config keys that build.py uses itself unless the constructor takes them: type and default.
USED_BY_BUILD: dict[str, dict[str, Any]] = {
    "data": {"labels": (str | None, None)},
    "backbone": {"weights": (str | None, None), "freeze": (Freeze | None, None)},
}


class Arguments(NamedTuple):
    """How a node's keys differ from the arguments of its constructor.

    Attributes:
        passed: arguments that build.py passes; a config may not set them.
        used_by_build: keys that build.py uses itself; the constructor does not get them. Type and
            default by name.
    """

    passed: frozenset[str]
    used_by_build: dict[str, Any]


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
        _check_node(node, group, group)


def arguments(node: Node, group: str) -> Arguments:
    """Return how the keys of a group's node differ from the arguments of its constructor."""
    target = locate(str(node["_target_"]), group)
    passed, used = {*PASSED.get(group, ())}, {**USED_BY_BUILD.get(group, {})}
    if group == "method":
        needed_runs = getattr(target, "trained_first", ())
        passed |= {*getattr(target, "needs", ()), *needed_runs}
        for argument in needed_runs:  # the folder of a run, or how to make that run
            used |= {argument: (str | None, None), f"{argument}_overrides": (list[str], [])}
    taken = inspect.signature(target).parameters
    return Arguments(
        frozenset(passed & {*taken}),
        {key: kind for key, kind in used.items() if key not in taken or key in passed},
    )


def _check_node(node: Any, path: str, group: str | None) -> None:
    """Check a node and all nodes below it.

    Args:
        node: a part of the config.
        path: its keys, joined by points.
        group: its group, for the outermost node with a target of each branch; None below that.
    """
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_node(item, f"{path}.{i}", group)
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        _check_target(node, path, group)
        group = None
    for key, child in node.items():
        _check_node(child, f"{path}.{key}", group)


def _check_target(node: Node, path: str, group: str | None) -> None:
    target = locate(str(node["_target_"]), path)
    passed, used = arguments(node, group) if group else Arguments(frozenset(), {})
    values = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    used_values = {key: values.pop(key) for key in used if key in values}
    _validate(pydantic.create_model("UsedByBuild", **used), used_values, path)
    # A nested node is built and checked on its own, not compared with the hint.
    open_hints = {k for k, v in values.items() if "_target_" in json.dumps(v)}
    _validate(_schema(target, passed, open_hints), values, path)


def locate(name: str, path: str) -> Any:
    """Return the class or function that a `_target_` names.

    Raises:
        ConfigError: it is outside the allow-list, or does not exist.
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
    """Return the object of a dotted name, whose first parts are modules."""
    first, *parts = name.split(".")
    found = importlib.import_module(first)
    for i, part in enumerate(parts, 1):
        if inspect.ismodule(found) and not hasattr(found, part):
            importlib.import_module(".".join([first, *parts[:i]]))
        found = getattr(found, part)
    return found


def _schema(target: Any, passed: frozenset[str], open_hints: set[str]) -> type[pydantic.BaseModel]:
    """Return a pydantic model of the target's parameters, without those that build.py passes."""
    function = target.__init__ if inspect.isclass(target) else target
    hints = typing.get_type_hints(function, include_extras=True)  # with ranges of numbers
    fields: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif name != "self" and name not in passed:
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
