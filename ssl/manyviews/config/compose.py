"""Compose a config from its groups and the command line, and check it."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from manyviews import data
from manyviews.config.mistakes import check_choice, check_file, check_key, yaml_mistake
from manyviews.config.overrides import by_library, by_set, parse, typed_text
from manyviews.errors import ConfigError, one_line
from manyviews.schema import SCHEMAS, Config, check, locate

VIEWS_OF_SERIES = "series"  # views of time series, if the user chose none
PROTOCOLS_OF_SERIES = "series"  # the suite for time series, in place of the usual one
USUAL_PROTOCOLS = "quick"
NAMED = {"callbacks", "logger", "evaluation"}  # groups of named nodes, of which there may be none
GLOBAL = {"experiment", "debug"}  # groups whose files set keys of the whole config
# A value may refer to another key, to the environment variables that our own files name, and to
# the default of the warm-up.
REFERENCE = re.compile(r"\$\{\.*[\w.]+\}")
VARIABLES = "MANYVIEWS_DATA|SLURM_JOB_NUM_NODES|SLURM_NTASKS_PER_NODE"
CALLS = re.compile(
    r"\$\{warmup:\$\{epochs\}\}"
    rf"|\$\{{oc\.env:({VARIABLES})(,[\w./~-]*)?\}}"
    rf"|\$\{{oc\.decode:\$\{{oc\.env:({VARIABLES})(,\d*)?\}}\}}"  # a number instead of text
)


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
    overrides, library = by_library(by_set(overrides))
    parsed = parse(overrides)
    composed, choices = from_files(command, parsed, config_dir)
    choices |= library
    return checked(command, composed, choices, typed_text(parsed)), choices


def from_files(
    command: str, parsed: Sequence[Override], config_dir: str | None = None
) -> tuple[DictConfig, dict[str, str]]:
    """Return the config of a command before it is resolved and checked, and the chosen files.

    Args:
        command: see `compose`.
        parsed: the overrides, each with one value.
        config_dir: see `compose`.

    Raises:
        ConfigError: a mistake, told in one line.
    """
    if config_dir is not None and not Path(config_dir).is_dir():
        raise ConfigError(f"--config-dir {config_dir} is not a folder")
    extra = searchpath(config_dir)
    with hydra_context():
        options = {o.key_or_group: options_of(o.key_or_group, config_dir) for o in parsed}
        groups = [o for o in parsed if options[o.key_or_group]]
        for override in groups:
            check_choice(override, options[override.key_or_group])
            _check_files(config_dir, override.key_or_group, override.value())
        lines = [_line(o, groups) for o in parsed]
        try:
            lines += _of_series(command, extra, groups, config_dir)
            composed = hydra_compose(command, [*extra, *lines], return_hydra_config=True)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, RecursionError) as error:
            for group in _groups(config_dir):
                _check_files(config_dir, group)  # a file that another one names may be broken
            raise _reworded(error, command, extra, parsed, groups) from error
        choices = {str(k): str(v) for k, v in composed.hydra.runtime.choices.items()}
    return OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"]), choices


def checked(
    command: str, composed: DictConfig, choices: Mapping[str, str], typed: Mapping[str, Any]
) -> Config:
    """Return a config as plain values, resolved and checked.

    Args:
        command: see `compose`.
        composed: what `from_files` gave; it stays as it is.
        choices: the file that each config group chose.
        typed: text of each value on the command line, by its key.

    Raises:
        ConfigError: a mistake, told in one line.
    """
    config = _resolved(composed)
    for group in GLOBAL & config.keys():
        raise ConfigError(
            f"{group}={choices[group]}: the first line of its file must be '# @package _global_'"
        )
    for group in NAMED & SCHEMAS[command].model_fields.keys():
        config[group] = {} if config.get(group) is None else config[group]
    _remove_labels(config)
    check(command, config, typed)
    return config


def searchpath(config_dir: str | None) -> list[str]:
    """Return the override that lets Hydra search a user's own folder, too."""
    return [f"hydra.searchpath=[file://{Path(config_dir).absolute()}]"] if config_dir else []


def _remove_labels(config: Config) -> None:
    """Remove the key `labels` from other data, on which no method is trained."""
    for callback in filter(None, (config.get("callbacks") or {}).values()):
        sets = callback.get("sets")
        for node in sets.values() if isinstance(sets, dict) else ():
            if isinstance(node, dict):
                node.pop("labels", None)


def _check_files(config_dir: str | None, group: str, chosen: Any = None) -> None:
    """Raise unless the files of a group in the user's own folder can be read.

    Args:
        config_dir: see `compose`.
        group: name of the group.
        chosen: a name, or a list of names; None checks all files of the group.
    """
    if config_dir is None:
        return
    folder = Path(config_dir, group.partition("@")[0])
    for file in sorted(folder.glob("*.yaml")):
        if chosen is None or file.stem in ([chosen] if isinstance(chosen, str) else chosen):
            check_file(file)


def _groups(config_dir: str | None) -> list[str]:
    """Return the names of the groups in the user's own folder that a run can have."""
    names = {*SCHEMAS["pretrain"].model_fields, *GLOBAL, "regularizer"}
    return sorted(name for name in names if config_dir and Path(config_dir, name).is_dir())


def _line(override: Override, groups: list[Override]) -> str:
    """Return an override for Hydra, in whose grammar `~group` stands for `group=null`."""
    if override in groups and override.value() is None:
        return f"~{override.key_or_group}"
    return str(override.input_line)


def _of_series(
    command: str, extra: list[str], groups: list[Override], config_dir: str | None
) -> list[str]:
    """Return overrides that replace views and protocols for images if the data are time series.

    A data set cannot do this in its own file: a method chooses views, too, and would win.

    Args:
        command: see `compose`.
        extra: overrides that add further folders of files.
        groups: choices of the command line; chosen views and protocols stay.
        config_dir: see `compose`.
    """
    chosen = {o.key_or_group: o.value() for o in groups if o.package is None}
    if {"views", "evaluation"} <= chosen.keys() or not chosen.keys() & {"data", "experiment"}:
        return []  # by default the data are images
    target = _data_target(str(chosen["data"]), config_dir) if "data" in chosen else None
    if target is not None and not _gives_series(target):
        return []
    lines = [_line(o, groups) for o in groups]
    composed = hydra_compose(command, [*extra, *lines], return_hydra_config=True)
    data = composed.get("data") or {}
    if "_target_" not in data or not _gives_series(str(data["_target_"])):
        return []
    found = []
    fitting = ".views.series." in str((composed.get("views") or {}).get("_target_"))
    if "views" not in chosen and not fitting:
        found.append(f"views={VIEWS_OF_SERIES}")
    usual = composed.hydra.runtime.choices.get("evaluation") == USUAL_PROTOCOLS
    if "evaluation" not in chosen and usual:
        found.append(f"evaluation={PROTOCOLS_OF_SERIES}")
    return found


def _data_target(name: str, config_dir: str | None) -> str | None:
    """Return the target in a data set's own file; a composition would take half a second."""
    folders = [Path(config_dir)] if config_dir else []
    for folder in (*folders, files("manyviews.conf")):
        if (file := folder.joinpath("data", f"{name}.yaml")).is_file():
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return content.get("_target_") if isinstance(content, dict) else None
    return None


def _gives_series(target: str) -> bool:
    """Return True if a data set's function returns time series."""
    room, _, name = target.rpartition(".")
    if room == data.__name__:
        return name in data.SERIES
    from manyviews.datamodules.series.splits import SeriesSplits

    return typing.get_type_hints(locate(target, "data")).get("return") is SeriesSplits


@contextmanager
def hydra_context() -> Iterator[None]:
    """Let Hydra read our package, and raise whole exceptions."""
    GlobalHydra.instance().clear()
    initialize_config_module("manyviews.conf", version_base=None)
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


def options_of(group: str, config_dir: str | None) -> list[str]:
    """Return the files that a group offers; none if the name is that of a key."""
    group = group.partition("@")[0]
    own = Path(config_dir, group).glob("*.yaml") if config_dir else []
    shipped = GlobalHydra.instance().config_loader().get_group_options(group)
    return [*shipped, *(file.stem for file in own)]


def _reworded(
    error: Exception,
    command: str,
    extra: list[str],
    parsed: Sequence[Override],
    groups: list[Override],
) -> ConfigError:
    """Return Hydra's error as one line; an unknown key is told with the nearest known one."""
    chosen = [_line(o, groups) for o in groups]
    try:
        base = OmegaConf.to_container(hydra_compose(command, [*extra, *chosen]), resolve=False)
    except (HydraException, OmegaConfBaseException):
        return ConfigError(one_line(error))
    except yaml.YAMLError as broken:  # such as a key that stands twice
        return yaml_mistake(broken)
    for override in parsed:
        if override not in groups and not override.is_add():
            check_key(typing.cast(Config, base), override.key_or_group)
    return ConfigError(one_line(error))


def _resolved(composed: DictConfig) -> Config:
    """Return the config as plain values, with references replaced by what they refer to."""
    _check_references(OmegaConf.to_container(composed, resolve=False), "")
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} is missing; type {error.full_key}=VALUE") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'config'}: {one_line(error)}") from error
    return typing.cast(Config, _expand_home(plain))


def _check_references(value: Any, path: str) -> None:
    """Raise if a value calls a function when it is resolved, before anything is resolved.

    OmegaConf's own functions can build any object and read any environment variable.

    Raises:
        ConfigError: names the key.
    """
    if isinstance(value, dict):
        for key, child in value.items():
            _check_references(child, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_references(item, f"{path}.{i}")
    elif isinstance(value, str) and "${" in REFERENCE.sub("", CALLS.sub("", value)):
        raise ConfigError(
            f"{path}={value}: a value may refer to another key, as ${{data.size}}, and to "
            "${oc.env:MANYVIEWS_DATA}; nothing else is looked up or called"
        )


def _expand_home(value: Any) -> Any:
    """Return a value in which every path that begins with `~/` names the home folder."""
    if isinstance(value, dict):
        return {key: _expand_home(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_expand_home(item) for item in value]
    if isinstance(value, str) and value.startswith("~/"):
        return str(Path(value).expanduser())
    return value
