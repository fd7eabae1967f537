"""The keys in which configs differ, with their values as they are typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from manyviews.runs.identity import ADDED_LATER

ABSENT = "-"  # stands for a key that a config does not have


class Difference(NamedTuple):
    """A key or a choice with its value on both sides; `ABSENT` if a side has no such key."""

    key: str
    first: str
    second: str


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], path: str = ""
) -> Iterator[Difference]:
    """Yield the keys that differ; of a node that one side lacks only the node itself.

    A run of an earlier version lacks keys that were added later: it has their defaults.
    """
    for key in dict.fromkeys([*first, *second]):
        name = f"{path}.{key}" if path else key
        absent = ADDED_LATER.get(name, ABSENT)
        a, b = first.get(key, absent), second.get(key, absent)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from differences(a, b, name)
        elif a != b or type(a) is not type(b):
            yield Difference(name, _shown(a), _shown(b))


def differences_of_several(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return each key in which one of the configs differs from the first, with all values.

    >>> differences_of_several([{"seed": 1, "epochs": 2}, {"seed": 1, "epochs": 3}])
    {'epochs': ['2', '3']}
    """
    first, *others = configs
    found = [{row.key: row for row in differences(first, other)} for other in others]
    values: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for rows in found for key in rows):
        own = next(rows[key].first for rows in found if key in rows)
        values[key] = [own, *(rows[key].second if key in rows else own for rows in found)]
    return values


def as_typed(value: Any) -> str:
    """Return a value as it is written in YAML, on one line.

    >>> as_typed([None, True, 0.5, "off"])
    "[null, true, 0.5, 'off']"
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.strip().removesuffix("...").strip()


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "_target_" in value:
        return str(value["_target_"]).rpartition(".")[2]
    return ABSENT if value is ABSENT else as_typed(value)
