"""Compose a config from its groups and the command line, and check it."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from manyviews.backbones.registry import LIBRARIES
from manyviews.errors import ConfigError, unknown
from manyviews.schema import Config, check, locate

VIEWS_OF_SERIES = "series"  # views of time series, if the user chose none


def default_warmup(epochs: object) -> float:
    """Return the warm-up of a run that names none, in epochs: a tenth of the run, at most 10.

    Args:
        epochs: length of the run; what is no number is told as such where `epochs` is checked.
    """
    return min(epochs, 100) / 10 if isinstance(epochs, int | float) else 10.0


OmegaConf.register_new_resolver("warmup", default_warmup, replace=True)  # ${warmup:${epochs}}


def compose(
    command: str, overrides: Sequence[str], config_dir: str | None = None
) -> tuple[Config, dict[str, str]]:
    """Return the checked, resolved config of a command, and the file that each group chose.

    Args:
        command: a key of `schema.SCHEMAS`.
        overrides: as on the command line, e.g. ["method=swav", "epochs=10"].
        config_dir: a folder whose groups are searched besides ours.

    Raises:
        ConfigError: a mistake, told in one line.
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
            overrides = [*overrides, *_views_of_series(command, extra, groups, config_dir)]
            composed = hydra_compose(command, [*extra, *overrides], return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise _reworded(error, command, extra, parsed, groups) from error
        choices = {str(k): str(v) for k, v in composed.hydra.runtime.choices.items()}
    config = _plain(composed)
    check(command, config)
    return config, choices | library


def _by_library(overrides: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the overrides with `backbone=timm/NAME` split into file and name, and that choice."""
    expanded, choices = [], {}
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "backbone" and value.startswith(LIBRARIES):
            expanded += [f"backbone={value.partition('/')[0]}", f"backbone.name={value}"]
            choices = {"backbone": value}
        else:
            expanded.append(text)
    return expanded, choices


def _views_of_series(
    command: str, extra: list[str], groups: list[Override], config_dir: str | None
) -> list[str]:
    """Return the override that replaces the views of images if the data are time series.

    A data set cannot do this in its own file: a method chooses views, too, and would win.

    Args:
        command: see `compose`.
        extra: overrides that add further folders of files.
        groups: choices of the command line; chosen views stay.
        config_dir: see `compose`.
    """
    chosen = {o.key_or_group: o.value() for o in groups}
    if "views" in chosen or not chosen.keys() & {"data", "experiment"}:
        return []  # by default the data are images
    target = _data_target(str(chosen["data"]), config_dir) if "data" in chosen else None
    if target is not None and not _gives_series(target):
        return []
    lines = [str(o.input_line) for o in groups]
    composed = hydra_compose(command, [*extra, *lines], return_hydra_config=True)
    data = composed.get("data") or {}
    if "_target_" not in data or not _gives_series(str(data["_target_"])):
        return []
    fitting = ".views.series." in str(composed.views.get("_target_"))
    return [] if fitting else [f"views={VIEWS_OF_SERIES}"]


def _data_target(name: str, config_dir: str | None) -> str | None:
    """Return the target in a data set's own file; a composition would take half a second."""
    folders = [Path(config_dir)] if config_dir else []
    for folder in (*folders, files("manyviews.conf")):
        if (file := folder.joinpath("data", f"{name}.yaml")).is_file():
            return (yaml.safe_load(file.read_text()) or {}).get("_target_")
    return None


def _gives_series(target: str) -> bool:
    """Return True if a data set's function returns time series, by its annotation."""
    from manyviews.datamodules.series.splits import SeriesSplits

    function = locate(target, "data")
    return typing.get_type_hints(function).get("return") is SeriesSplits


class _hydra:
    """A context in which Hydra reads our package and raises whole exceptions."""

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
    """Return the files that a group offers; none if the name is that of a key."""
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
    """Return Hydra's error as one line; an unknown key is told with the nearest known one."""
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
