"""What the constructors say about the keys of a config: type, default and meaning."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from manyviews.commands.config import hints
from manyviews.schema import SCHEMAS, Config, arguments, locate

NO_DEFAULT = inspect.Parameter.empty
NODE = "node with _target_ or null"
ARGUMENT = re.compile(r"(\w+)(?: \([^)]*\))?: (.*)")  # torch adds the type: "lr (float): ..."


class Argument(NamedTuple):
    """A key of a config as its constructor describes it.

    Attributes:
        key: the whole key.
        value: its value in this config.
        node: the key of the node that it belongs to, "" for the keys at the top.
        type: what may be written, in words.
        default: default of the constructor, `NO_DEFAULT` if it has none.
        meaning: its line in the docstring, "" if there is none.
    """

    key: str
    value: Any
    node: str
    type: str
    default: Any
    meaning: str


def described(config: Config) -> Iterator[Argument]:
    """Yield every key of a checked `pretrain` config that has a value of its own."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _below(value, key, key)
        else:
            field = SCHEMAS["pretrain"].model_fields[key]
            said = f"{hints.words(field.annotation)} {hints.limits(field.metadata)}".strip()
            meaning = "no file of this group is chosen" if value == {} else ""
            yield Argument(key, value, "", said, NO_DEFAULT, meaning)


def _below(node: Mapping[str, Any], path: str, group: str | None) -> Iterator[Argument]:
    """Yield the keys of a node and of the nodes below it; `group` as in `schema.check`."""
    found: dict[str, tuple[Any, Any]] = {}
    said: dict[str, str] = {}
    if "_target_" in node:
        target = locate(node["_target_"], path)
        found, said = parameters(target), documented(target)
        if group is not None:
            used = arguments(dict(node), group).used_by_build
            found |= {name: (hint, None) for name, hint in used.items()}
        group = None
    own = {key: value for key, value in node.items() if key not in ("_target_", "_partial_")}
    if not own:
        yield Argument(path, dict(node), path, NODE, NO_DEFAULT, "it has no keys; null removes it")
    for key, value in own.items():
        whole = f"{path}.{key}"
        if isinstance(value, dict) and value:
            yield from _below(value, whole, group)
        else:
            hint, default = found.get(key, (Any, NO_DEFAULT))
            kind = hints.words(hint) if "_target_" in node else NODE
            yield Argument(whole, value, path, kind, default, said.get(key, ""))


def parameters(target: Any) -> dict[str, tuple[Any, Any]]:
    """Return type hint and default of each argument of a class or function."""
    function = target.__init__ if inspect.isclass(target) else target
    found = typing.get_type_hints(function, include_extras=True)
    return {
        name: (found.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def documented(target: Any) -> dict[str, str]:
    """Return the text of each argument in the docstring of a class or function."""
    kinds = target.__mro__[::-1] if inspect.isclass(target) else (target,)
    return {name: text for kind in kinds for name, text in _sections(kind.__doc__ or "")}


def _sections(doc: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line under `Args:` and `Attributes:`."""
    for section in re.findall(r"^(?:Args|Attributes):\n((?: +.*\n|\n)*)", _clean(doc), re.M):
        for entry in re.split(r"\n(?= {4}\w)", f"\n{section.rstrip()}"):
            if found := ARGUMENT.match(" ".join(entry.split())):
                yield found[1], found[2].removesuffix(".")


def _clean(doc: str) -> str:
    return f"{inspect.cleandoc(doc)}\n"
