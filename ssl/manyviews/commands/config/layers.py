"""The files and overrides of a composition in the order of merging, as their authors wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from manyviews.backbones.registry import LIBRARIES
from manyviews.config.differences import as_typed

COMMAND_LINE = "command line"


class Written(NamedTuple):
    """A key as it stands in a file or on the command line.

    Attributes:
        value: the value as typed, for example "[0.9, 0.999]".
        comment: the comment on the line of the key, "" if there is none.
    """

    value: str
    comment: str = ""


class Layer(NamedTuple):
    """One file, or the command line.

    Attributes:
        source: for example "conf/method/swav.yaml" or "command line".
        head: the comment at the top of the file, as one line.
        keys: what it sets, by the whole key, for example "method.prototypes".
    """

    source: str
    head: str
    keys: Mapping[str, Written]


def layers(
    overrides: Sequence[str], choices: Mapping[str, str], config_dir: str | None = None
) -> list[Layer]:
    """Return the layers of a `pretrain` config; of two that set a key the later one wins.

    Args:
        overrides: as on the command line; `config.compose` accepted them.
        choices: the file of each group that `config.compose` returned, if it is known.
        config_dir: a folder with config groups of the user's own.
    """
    roots: list[tuple[str, Traversable]] = [("conf", files("manyviews.conf"))]
    roots += [(config_dir, Path(config_dir))] if config_dir else []
    split = [_by_library(text).lstrip("+~").partition("=") for text in overrides]
    groups = {key: value for key, _, value in split if _is_group(key, roots)}
    if "views" in choices:
        groups.setdefault("views", choices["views"])  # a data set of series changes this choice
    if choices.get("evaluation") == "series":  # and this one
        groups.setdefault("evaluation", "series")
    merged = [
        _layer(path, package, roots)
        for path, package in _merge_order(groups, config_dir)
        if not path.startswith("hydra/")
    ]
    return [*merged, Layer(COMMAND_LINE, "", _typed(overrides, groups))]


def _by_library(text: str) -> str:
    """Return `backbone=timm` for `backbone=timm/NAME`, and any other override as it is."""
    key, _, value = text.partition("=")
    return f"{key}={value.partition('/')[0]}" if _names_a_model(key, value) else text


def _names_a_model(key: str, value: str) -> bool:
    return key == "backbone" and value.startswith(LIBRARIES)


def _is_group(key: str, roots: Sequence[tuple[str, Traversable]]) -> bool:
    name = key.partition("@")[0]
    return "." not in name and any(folder.joinpath(name).is_dir() for _, folder in roots)


def _merge_order(groups: Mapping[str, str], config_dir: str | None) -> list[tuple[str, str]]:
    """Return path and package of each file; the package is the key below which it is merged."""
    extra = [f"hydra.searchpath=[file://{Path(config_dir).absolute()}]"] if config_dir else []
    # In Hydra's grammar `~group` stands for no file of that group.
    lines = [f"~{g}" if name in ("", "null") else f"{g}={name}" for g, name in groups.items()]
    with initialize_config_module("manyviews.conf", version_base=None):
        loader = GlobalHydra.instance().config_loader()
        found = loader.compute_defaults_list("pretrain", [*extra, *lines], RunMode.RUN)
    return [(str(d.config_path), d.package or "") for d in found.defaults]


def _layer(path: str, package: str, roots: Sequence[tuple[str, Traversable]]) -> Layer:
    name = f"{path}.yaml"
    root, folder = next(r for r in roots if r[1].joinpath(name).is_file())
    text = folder.joinpath(name).read_text(encoding="utf-8")
    comments = takewhile(lambda line: line.startswith("#"), text.splitlines())
    head = " ".join(line.lstrip("# ") for line in comments if "@package" not in line)
    return Layer(f"{root}/{name}", head, dict(keys(text, package)))


def keys(text: str, package: str = "") -> Iterator[tuple[str, Written]]:
    """Yield every key of a YAML file, with the value and the comment that stand beside it.

    Args:
        text: the content of the file.
        package: the key below which the file is merged.
    """
    loader = yaml.SafeLoader(text)
    root = loader.get_single_node()
    if isinstance(root, yaml.MappingNode):
        root.value = [pair for pair in root.value if pair[0].value != "defaults"]
        yield from _below(root, package, text, loader)


def _below(
    node: yaml.MappingNode, path: str, text: str, loader: yaml.SafeLoader
) -> Iterator[tuple[str, Written]]:
    loader.flatten_mapping(node)  # resolves `<<: *anchor`
    for key, value in node.value:
        name = f"{path}.{key.value}" if path else str(key.value)
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _below(value, name, text, loader)
        else:
            yield name, Written(_source(value, text), _comment(key, value, text))


def _source(node: yaml.Node, text: str) -> str:
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return f"[{', '.join(_source(item, text) for item in node.value)}]"
    return text[node.start_mark.index : node.end_mark.index].strip()


def _comment(key: yaml.Node, value: yaml.Node, text: str) -> str:
    """Return the comment on the line of the key."""
    line = text.splitlines()[key.start_mark.line]
    same_line = value.end_mark.line == key.start_mark.line
    rest = line[value.end_mark.column if same_line else key.end_mark.column :]
    found = re.search(r"(?:^|\s)#\s*(.*)$", rest)
    return found[1].strip() if found else ""


def _typed(overrides: Sequence[str], groups: Mapping[str, str]) -> dict[str, Written]:
    """Return the keys that overrides set; the choice of a file is none, `group=null` is one."""
    found = {}
    for text in (text for text in overrides if not text.startswith("~")):
        key, _, value = text.lstrip("+").partition("=")
        if _names_a_model(key, value):
            found["backbone.name"] = Written(value)
        elif key not in groups and value.startswith("{"):
            parsed = OverridesParser.create().parse_override(text)
            found |= dict(_flat(parsed.key_or_group, parsed.value()))
        elif key not in groups or value == "null":
            found[key] = Written(value)
    return found


def _flat(path: str, value: Any) -> Iterator[tuple[str, Written]]:
    """Yield the keys of a node that was typed as one value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(f"{path}.{key}", item)
    else:
        yield path, Written(as_typed(value))
