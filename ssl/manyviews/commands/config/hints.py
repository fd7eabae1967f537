"""Type hints in the words of somebody who writes YAML."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from manyviews.config.differences import as_typed

PLAIN: dict[Any, str] = {
    type(None): "null",
    bool: "true or false",
    int: "int",
    float: "float",
    str: "text",
    Any: "anything",
}
LIMITS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def words(hint: Any) -> str:
    """Return what may be written for this hint.

    >>> words(tuple[float, float] | None)
    '[float, float] or null'
    >>> words(Literal["all", "none"] | int)
    'all, none or int'
    """
    *first, last = dict.fromkeys(_alternatives(hint))
    return f"{', '.join(first)} or {last}" if first else last


def _alternatives(hint: Any) -> Iterator[str]:
    """Yield the words for each member of a union and each choice, null at the end."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for part in sorted(inner, key=lambda part: part is type(None)):
            if not str(getattr(part, "__module__", "")).startswith("torch"):  # YAML has no tensors
                yield from _alternatives(part)
    elif origin is Literal:
        yield from map(as_typed, inner)
    else:
        yield _one(hint, origin, inner)


def _one(hint: Any, origin: Any, inner: Sequence[Any]) -> str:
    if origin is Annotated:
        return " ".join([words(inner[0]), limits(inner[1:])]).strip()
    if origin is tuple and Ellipsis not in inner:
        return f"[{', '.join(map(words, inner))}]"
    kind = origin or hint
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        return "nodes by name"
    if inspect.isclass(kind) and issubclass(kind, Sequence) and kind is not str:
        item = words(inner[0]) if inner else "anything"
        return f"list of ({item})" if " or " in item else f"list of {item}"
    return PLAIN.get(hint) or f"node with _target_ ({getattr(hint, '__name__', hint)})"


def limits(metadata: Sequence[Any]) -> str:
    """Return the bounds that pydantic checks, for example ">= 0 and < 10"; "" if there are none."""
    parts = [p for m in metadata for p in getattr(m, "metadata", [m])]  # a Field holds a list
    said = [
        f"{sign} {getattr(part, name)}"
        for part in parts
        for name, sign in LIMITS.items()
        if getattr(part, name, None) is not None
    ]
    return " and ".join(said)
