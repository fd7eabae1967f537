"""Composition and the check behind it: no typo survives to the first constructor.

The constructors are the schema: every node with a `_target_` is compared with the signature and
type hints of that target. Only the plain keys at the top have a description of their own, here.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import typing
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from manyviews.backbones.freezing import Freeze
from manyviews.backbones.registry import LIBRARIES
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
# What takes the place of the choices for images where the data are series and nothing else is said.
FOR_SERIES = {"views": "series", "backbone": "tcn"}


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


def compose(
    command: str, overrides: Sequence[str], config_dir: str | None = None
) -> tuple[Config, dict[str, str]]:
    """The checked, resolved config of a command, and which file each group chose.

    Args:
        command: a key of `SCHEMAS`.
        overrides: as on the command line.
        config_dir: a folder whose groups are searched besides ours.

    Raises:
        ConfigError: any mistake, as one line.
    """
    if config_dir and not Path(config_dir).is_dir():
        raise ConfigError(f"--config-dir {config_dir} is not a folder")
    extra = [f"hydra.searchpath=[file://{Path(config_dir).absolute()}]"] if config_dir else []
    overrides, library = _by_library(overrides)
    with _hydra():
        parsed = _parse(overrides)
        options = {o.key_or_group: _options(o.key_or_group, config_dir) for o in parsed}
        groups = [o for o in parsed if options[o.key_or_group]]
        for override in groups:
            _check_choice(override, options[override.key_or_group])
        try:
            overrides = [*overrides, *_for_series(command, extra, groups, config_dir)]
            composed = hydra_compose(command, [*extra, *overrides], return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise _reworded(error, command, extra, parsed, groups) from error
        choices = {str(k): str(v) for k, v in composed.hydra.runtime.choices.items()}
    config = _plain(composed)
    check(command, config)
    return config, choices | library


def _by_library(overrides: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """`backbone=timm/NAME` as the group's file and its key, and the choice that it stands for."""
    expanded, choices = [], {}
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "backbone" and value.startswith(LIBRARIES):
            expanded += [f"backbone={value.partition('/')[0]}", f"backbone.name={value}"]
            choices = {"backbone": value}
        else:
            expanded.append(text)
    return expanded, choices


def _for_series(
    command: str, extra: list[str], groups: list[Override], config_dir: str | None
) -> list[str]:
    """Overrides that replace the views and the backbone of images where the data are series.

    Args:
        command: see `compose`.
        extra: where further files are.
        groups: choices of the command line; those of views and backbone stay.
        config_dir: see `compose`.
    """
    chosen = {o.key_or_group: o.value() for o in groups}
    if "data" not in chosen and "experiment" not in chosen:
        return []  # the default is images
    target = _data_target(str(chosen["data"]), config_dir) if "data" in chosen else None
    if target is not None and not _gives_series(target):
        return []
    lines = [str(o.input_line) for o in groups]
    composed = hydra_compose(command, [*extra, *lines], return_hydra_config=True)
    data = composed.get("data") or {}
    if "_target_" not in data or not _gives_series(str(data["_target_"])):
        return []
    views = str(composed.views.get("_target_"))
    fits = {
        "views": ".views.series." in views,
        # of an experiment or a method: theirs to choose
        "backbone": composed.hydra.runtime.choices["backbone"] != "resnet18",
    }
    return [f"{g}={name}" for g, name in FOR_SERIES.items() if not fits[g] and g not in chosen]


def _data_target(name: str, config_dir: str | None) -> str | None:
    """The target of a data set's own file, without a composition: that takes half a second."""
    folders = [Path(config_dir)] if config_dir else []
    for folder in (*folders, files("manyviews.conf")):
        if (file := folder.joinpath("data", f"{name}.yaml")).is_file():
            return (yaml.safe_load(file.read_text()) or {}).get("_target_")
    return None


def _gives_series(target: str) -> bool:
    from manyviews.datamodules.series.splits import SeriesSplits

    function = locate(target, "data")
    return typing.get_type_hints(function).get("return") is SeriesSplits


class _hydra:
    """Hydra initialised on our package, whole exceptions instead of printed ones."""

    def __enter__(self) -> None:
        GlobalHydra.instance().clear()
        initialize_config_module("manyviews.conf", version_base="1.3")

    def __exit__(self, *_: object) -> None:
        GlobalHydra.instance().clear()


def _parse(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    parsed = []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except HydraException as error:
            raise ConfigError(f"cannot read '{text}'; type key=value, e.g. epochs=10") from error
        if parsed[-1].is_sweep_override():
            raise ConfigError(f"'{text}' holds several values; one run takes one of them")
    return parsed


def _options(group: str, config_dir: str | None) -> list[str]:
    """Files that a group offers; empty if it is no group but a key."""
    own = Path(config_dir, group).glob("*.yaml") if config_dir else []
    shipped = GlobalHydra.instance().config_loader().get_group_options(group)
    return [*shipped, *(file.stem for file in own)]


def _check_choice(override: Override, options: list[str]) -> None:
    value = override.value()
    names = [n for n in (value if isinstance(value, list) else [value]) if n is not None]
    if override.is_delete():
        return
    for name in names:
        if str(name) not in options:
            raise unknown(override.key_or_group, str(name), options)


def _reworded(
    error: Exception,
    command: str,
    extra: list[str],
    parsed: list[Override],
    groups: list[Override],
) -> ConfigError:
    """Hydra's complaint as one line; for a key that does not exist, with the nearest that does."""
    chosen = [str(o.input_line) for o in groups]
    try:
        base = hydra_compose(command, [*extra, *chosen])
    except (HydraException, OmegaConfBaseException):
        return ConfigError(_one_line(error))
    for override in parsed:
        if override not in groups and not override.is_add():
            path = override.key_or_group.split(".")
            _check_path(base, path)
    return ConfigError(_one_line(error))


def _check_path(base: DictConfig, path: list[str]) -> None:
    node: Any = base
    for depth, key in enumerate(path):
        if not OmegaConf.is_dict(node) or key not in node:
            keys = (
                [".".join([*path[:depth], str(k)]) for k in node] if OmegaConf.is_dict(node) else []
            )
            raise unknown("key", ".".join(path[: depth + 1]), keys)
        node = OmegaConf.select(node, key)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _plain(composed: DictConfig) -> Config:
    own = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
    try:
        plain = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} is missing; type {error.full_key}=VALUE") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'config'}: {_one_line(error)}") from error
    return typing.cast(Config, plain)


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
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{path}._target_={name} does not exist") from error


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
