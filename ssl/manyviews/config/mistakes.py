"""Mistakes in a command or a config file, told in one line with what to type instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override

from manyviews.errors import ConfigError, one_line, unknown

# Groups of which a run may take several files at once, as evaluation=[knn,linear].
SEVERAL = ("evaluation", "regularizer", "callbacks", "logger", "experiment", "debug")
MOST_VALUES = 100_000  # of one config file; aliases of aliases could fill the memory
SERIES_FILES = (".npz", ".ts", ".arff")


def check_choice(override: Override, options: Sequence[str]) -> None:
    """Raise unless the files that an override chooses exist.

    Args:
        override: of a group.
        options: the files of that group.

    Raises:
        ConfigError: with the most similar name, or with what was probably meant.
    """
    group, value = override.key_or_group, override.value()
    if override.is_delete():
        return
    if isinstance(value, list) and group.partition("@")[0] not in SEVERAL:
        raise ConfigError(f"{override.input_line}: a run takes one {group}; type {group}=NAME")
    if value is None and group.partition("@")[0] not in SEVERAL:
        raise ConfigError(f"{group}=null: a run needs one; type {group}=NAME")
    for name in value if isinstance(value, list) else [value]:
        if name is not None and str(name) not in options:
            raise _unknown_choice(group, str(name), options)


def _unknown_choice(group: str, name: str, options: Sequence[str]) -> ConfigError:
    if group == "data" and (path := Path(name).expanduser()).exists():
        kind = "folder" if path.is_dir() else "table"
        kind = "series" if path.suffix.lower() in SERIES_FILES else kind
        return ConfigError(f"data={name} is a path; type data={kind} data.path={name}")
    if group == "backbone" and "/" in name:
        short = name.rpartition("/")[2]
        return ConfigError(
            f"unknown backbone '{name}': models of libraries are timm/NAME and torchvision/NAME; "
            f"type manyviews list backbones 'timm/*{short}*'"
        )
    return unknown(group, name, options)


def check_key(base: dict[str, Any], key: str) -> None:
    """Raise unless a dotted key exists in a composed config.

    Raises:
        ConfigError: with the most similar key at that place, or the same name at another one.
    """
    node: Any = base
    path = key.split(".")
    for depth, name in enumerate(path):
        if not isinstance(node, dict) or name not in node:
            raise _unknown_key(base, node, path[: depth + 1])
        node = node[name]


def _unknown_key(base: dict[str, Any], node: Any, path: Sequence[str]) -> ConfigError:
    *above, name = path
    siblings = [str(key) for key in node if key != "_target_"] if isinstance(node, dict) else []
    if not siblings:
        return ConfigError(
            f"unknown key '{'.'.join(path)}': {'.'.join(above)} has no keys below it"
        )
    elsewhere = [key for key in _keys(base) if key.rpartition(".")[2] == name]
    if elsewhere and not difflib.get_close_matches(name, siblings, cutoff=0.75):
        same = " or ".join(sorted(elsewhere)[:3])
        return ConfigError(f"unknown key '{'.'.join(path)}': did you mean {same}?")
    return unknown("key", ".".join(path), [".".join([*above, key]) for key in siblings])


def _keys(node: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield all dotted keys of a config."""
    for name, child in node.items():
        yield f"{path}{name}"
        if isinstance(child, dict):
            yield from _keys(child, f"{path}{name}.")


def check_file(path: Path) -> None:
    """Raise unless a config file of the user's own is a YAML mapping.

    Raises:
        ConfigError: with its name and, if the YAML is wrong, the line.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise yaml_mistake(error, path) from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {one_line(error)}") from error
    if not isinstance(content, dict | None):
        raise ConfigError(f"{path} holds no keys; a config file is written as key: value")
    if next(islice(_values(content), MOST_VALUES, None), None) is not None:
        raise ConfigError(f"{path} holds more than {MOST_VALUES} values, or refers to itself")


def _values(content: Any) -> Iterator[Any]:
    """Yield all values of a file; those behind an alias each time that it occurs."""
    waiting = [content]
    while waiting:
        yield (value := waiting.pop())
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def yaml_mistake(error: yaml.YAMLError, path: Path | None = None) -> ConfigError:
    """Return what is wrong in a YAML file, with its name and line."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = f" line {mark.line + 1}" if mark is not None else ""
    name = path or getattr(mark, "name", "a config file")
    return ConfigError(f"{name}{line}: {' '.join(str(said).split())}")
